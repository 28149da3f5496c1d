// The charts of a load test's page.
#ifndef BOLTZMANN_CLIENT_LOAD_CHARTS_H_
#define BOLTZMANN_CLIENT_LOAD_CHARTS_H_

#include "client/load_result.h"
#include "client/svg_chart.h"

namespace boltzmann::client {

// Latency by percentile, one line a step. The x axis is 1/(1-p), which gives every further nine as
// much room. No series if no call was answered; so do the others.
Chart DistributionChart(const LoadResult& result);

// p50, p99 and the longest latency of every second; steps follow each other, lines between.
Chart LatencyOverTimeChart(const LoadResult& result);

// Calls answered a second over the same time, and errors if there are any.
Chart RateOverTimeChart(const LoadResult& result);

// p50 and p99 over the calls answered a second, one point a step.
Chart ThroughputChart(const LoadResult& result);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_LOAD_CHARTS_H_
