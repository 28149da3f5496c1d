#include "client/load_distribution.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "client/load_figures.h"

namespace boltzmann::client {
namespace {

constexpr int kTicksPerHalf = 5;

// The per cent at which the next point is due. Per cent, as HdrHistogram has it: the steps are then
// sums of powers of two, and exact.
double NextLevel(double level) {
  const double halvings = std::floor(std::log2(100 / (100 - level))) + 1;
  return level + 100 / (kTicksPerHalf * std::exp2(halvings));
}

double StandardDeviationMs(const LatencyHistogram& times) {
  const double mean = Milliseconds(times.Mean());
  double sum = 0;
  for (const LatencyHistogram::Bucket& bucket : times.Buckets()) {
    const double distance = Milliseconds(std::min(bucket.highest, times.Max())) - mean;
    sum += distance * distance * static_cast<double>(bucket.count);
  }
  return times.count() == 0 ? 0 : std::sqrt(sum / static_cast<double>(times.count()));
}

}  // namespace

std::vector<DistributionPoint> Distribution(const LatencyHistogram& times) {
  std::vector<DistributionPoint> points;
  const double count = static_cast<double>(times.count());
  uint64_t total = 0;
  double level = 0;
  for (const LatencyHistogram::Bucket& bucket : times.Buckets()) {
    total += bucket.count;
    const LatencyHistogram::Duration value = std::min(bucket.highest, times.Max());
    // Of the bucket that completes the count, only the first level, or this would never end.
    while (100 * static_cast<double>(total) / count >= level) {
      points.push_back({value, level / 100, total});
      level = NextLevel(level);
      if (total == times.count()) break;
    }
  }
  if (total > 0) points.push_back({times.Max(), 1, total});
  return points;
}

void WriteHgrm(const LatencyHistogram& times, std::ostream& out) {
  out << absl::StrFormat("%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
                         "1/(1-Percentile)");
  for (const DistributionPoint& point : Distribution(times)) {
    out << absl::StrFormat("%12.3f %2.12f %10d", Milliseconds(point.value), point.percentile,
                           point.total_count);
    if (point.percentile < 1) out << absl::StrFormat(" %14.2f", 1 / (1 - point.percentile));
    out << '\n';
  }
  // LatencyHistogram's layout: 2048 values to a bucket, 32 times doubled until an hour fits.
  out << absl::StrFormat("#[Mean    = %12.3f, StdDeviation   = %12.3f]\n",
                         Milliseconds(times.Mean()), StandardDeviationMs(times));
  out << absl::StrFormat("#[Max     = %12.3f, Total count    = %12d]\n", Milliseconds(times.Max()),
                         times.count());
  out << absl::StrFormat("#[Buckets = %12d, SubBuckets     = %12d]\n", 32, 2048);
}

}  // namespace boltzmann::client
