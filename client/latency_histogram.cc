#include "client/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

namespace boltzmann::client {
namespace {

// Times below 2048 ns have a bucket each; above, every power of two has 1024.
constexpr int kHalfBits = 10;
constexpr uint64_t kLongest = (uint64_t{1} << 42) - 1;  // ns: 73 minutes

int Shift(uint64_t ns) { return std::max(0, static_cast<int>(std::bit_width(ns)) - kHalfBits - 1); }

size_t IndexOf(uint64_t ns) {
  const int shift = Shift(ns);
  return (static_cast<size_t>(shift) << kHalfBits) + (ns >> shift);
}

uint64_t HighestAt(size_t index) {
  const size_t group = index >> kHalfBits;
  if (group < 2) return index;
  const size_t shift = group - 1;
  return ((index - (shift << kHalfBits) + 1) << shift) - 1;
}

}  // namespace

LatencyHistogram::LatencyHistogram() : counts_(IndexOf(kLongest) + 1) {}

void LatencyHistogram::Record(Duration time) {
  const uint64_t ns = std::clamp<int64_t>(time.count(), 0, kLongest);
  ++counts_[IndexOf(ns)];
  ++count_;
  min_ = std::min(min_, Duration(ns));
  max_ = std::max(max_, Duration(ns));
  sum_ns_ += static_cast<double>(ns);
}

void LatencyHistogram::Add(const LatencyHistogram& other) {
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ns_ += other.sum_ns_;
}

LatencyHistogram::Duration LatencyHistogram::Min() const {
  return count_ == 0 ? Duration::zero() : min_;
}

LatencyHistogram::Duration LatencyHistogram::Max() const { return max_; }

LatencyHistogram::Duration LatencyHistogram::Mean() const {
  if (count_ == 0) return Duration::zero();
  return Duration(std::llround(sum_ns_ / static_cast<double>(count_)));
}

LatencyHistogram::Duration LatencyHistogram::Percentile(double p) const {
  const double rank = std::max(1.0, std::ceil(p * static_cast<double>(count_)));
  uint64_t seen = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (static_cast<double>(seen) >= rank) return std::min(max_, Duration(HighestAt(i)));
  }
  return max_;
}

std::vector<LatencyHistogram::Bucket> LatencyHistogram::Buckets() const {
  std::vector<Bucket> buckets;
  for (size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] > 0) buckets.push_back({Duration(HighestAt(i)), counts_[i]});
  }
  return buckets;
}

}  // namespace boltzmann::client
