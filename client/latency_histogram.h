// How long things took: counted in buckets, at a known precision.
#ifndef BOLTZMANN_CLIENT_LATENCY_HISTOGRAM_H_
#define BOLTZMANN_CLIENT_LATENCY_HISTOGRAM_H_

#include <chrono>
#include <cstdint>
#include <vector>

namespace boltzmann::client {

// A histogram in the manner of HdrHistogram: 1 ns to about an hour, longer times count as the
// longest; every time is kept to within 1/1024 of itself, so that any percentile is that of the
// sorted times to within as much. Source: G. Tene's HdrHistogram. Recording takes some
// nanoseconds and allocates nothing. Not thread-safe: each thread has its own, and they are added
// up.
class LatencyHistogram {
 public:
  using Duration = std::chrono::nanoseconds;

  LatencyHistogram();

  // Times below 0 count as 0.
  void Record(Duration time);
  void Add(const LatencyHistogram& other);

  uint64_t count() const { return count_; }

  // Exact. 0 if there is none.
  Duration Min() const;
  Duration Max() const;
  Duration Mean() const;

  // The time that a share `p` of the times, in [0, 1], does not exceed: of n sorted times the
  // ceil(p n)th, and the first for p = 0, rounded up to the end of its bucket but not beyond Max().
  // 0 if there is none.
  Duration Percentile(double p) const;

  // A bucket that is not empty: `count` times, none above `highest`.
  struct Bucket {
    Duration highest;
    uint64_t count;
  };
  // In ascending order.
  std::vector<Bucket> Buckets() const;

 private:
  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
  Duration min_ = Duration::max();
  Duration max_ = Duration::zero();
  double sum_ns_ = 0;
};

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_LATENCY_HISTOGRAM_H_
