// The distribution of a load test's latencies, point by point.
#ifndef BOLTZMANN_CLIENT_LOAD_DISTRIBUTION_H_
#define BOLTZMANN_CLIENT_LOAD_DISTRIBUTION_H_

#include <cstdint>
#include <ostream>
#include <vector>

#include "client/latency_histogram.h"

namespace boltzmann::client {

struct DistributionPoint {
  LatencyHistogram::Duration value;
  double percentile;     // in [0, 1]
  uint64_t total_count;  // of times that are not above the value
};

// Five points in every halving of what is left to 1, as HdrHistogram's percentile iterator has
// them, and one for 1; none if there are no times.
std::vector<DistributionPoint> Distribution(const LatencyHistogram& times);

// Writes the points as HdrHistogram's tools do (outputPercentileDistribution, files named .hgrm),
// in ms: what its plotter and others read.
void WriteHgrm(const LatencyHistogram& times, std::ostream& out);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_LOAD_DISTRIBUTION_H_
