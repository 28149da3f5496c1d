#include "client/latency_histogram.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace boltzmann::client {
namespace {

using Duration = LatencyHistogram::Duration;

constexpr double kPercentiles[] = {0, .01, .1, .25, .5, .75, .9, .95, .99, .999, .9999, 1};

// Every percentile is that of the sorted times, at most 1/1024 above it.
void ExpectAsSorted(std::vector<int64_t> times, const LatencyHistogram& histogram) {
  std::sort(times.begin(), times.end());
  ASSERT_EQ(histogram.count(), times.size());
  for (const double p : kPercentiles) {
    const double rank = std::max(1.0, std::ceil(p * static_cast<double>(times.size())));
    const int64_t exact = times[static_cast<size_t>(rank) - 1];
    const int64_t got = histogram.Percentile(p).count();
    EXPECT_GE(got, exact) << p;
    EXPECT_LE(got, exact + exact / 1024 + 1) << p;
  }
  EXPECT_EQ(histogram.Min().count(), times.front());
  EXPECT_EQ(histogram.Max().count(), times.back());
  EXPECT_EQ(histogram.Percentile(1), histogram.Max());
}

class Distributions : public testing::TestWithParam<int> {
 protected:
  int64_t Draw() {
    switch (GetParam()) {
      case 0:
        return static_cast<int64_t>(random_() % 3000);  // where each has a bucket of its own
      case 1:
        return static_cast<int64_t>(random_() % 1000000000);
      case 2:
        return std::llround(std::exponential_distribution<double>(1e-6)(random_));
      case 3:
        return std::llround(std::lognormal_distribution<double>(12, 2)(random_));
      default:
        return random_() % 100 == 0 ? 50000000 : 200000 + random_() % 1000;  // two humps
    }
  }

  std::mt19937_64 random_{7};
};

TEST_P(Distributions, HaveThePercentilesOfTheSortedTimes) {
  for (const size_t count : {1, 2, 3, 10, 999, 100000}) {
    LatencyHistogram histogram;
    std::vector<int64_t> times;
    for (size_t i = 0; i < count; ++i) {
      times.push_back(Draw());
      histogram.Record(Duration(times.back()));
    }
    ExpectAsSorted(times, histogram);
  }
}

TEST_P(Distributions, AddUpToThatOfAllTimes) {
  LatencyHistogram parts[3];
  std::vector<int64_t> times;
  for (int i = 0; i < 5000; ++i) {
    times.push_back(Draw());
    parts[i % 3].Record(Duration(times.back()));
  }
  LatencyHistogram sum;
  for (const LatencyHistogram& part : parts) sum.Add(part);
  ExpectAsSorted(times, sum);
}

INSTANTIATE_TEST_SUITE_P(, Distributions, testing::Range(0, 5));

TEST(LatencyHistograms, OfNothingAreZero) {
  const LatencyHistogram empty;
  EXPECT_EQ(empty.Percentile(.5).count(), 0);
  EXPECT_EQ(empty.Min().count() + empty.Max().count() + empty.Mean().count(), 0);
  EXPECT_TRUE(empty.Buckets().empty());
}

TEST(LatencyHistograms, CountWhatIsOutOfRangeAtTheEnds) {
  LatencyHistogram histogram;
  histogram.Record(Duration(-5));
  histogram.Record(std::chrono::hours(100));
  EXPECT_EQ(histogram.Min().count(), 0);
  EXPECT_GT(histogram.Max(), std::chrono::hours(1));
  EXPECT_EQ(histogram.count(), 2u);
}

TEST(LatencyHistograms, HaveTheExactMean) {
  LatencyHistogram histogram;
  for (const int ns : {1000003, 2000005, 3000007}) histogram.Record(Duration(ns));
  EXPECT_EQ(histogram.Mean().count(), 2000005);
}

TEST(LatencyHistograms, ListEveryBucketInOrder) {
  LatencyHistogram histogram;
  for (const int ns : {5, 5, 2047, 1000000}) histogram.Record(Duration(ns));
  const auto buckets = histogram.Buckets();
  ASSERT_EQ(buckets.size(), 3u);
  EXPECT_EQ(buckets[0].highest.count(), 5);
  EXPECT_EQ(buckets[0].count, 2u);
  EXPECT_EQ(buckets[1].highest.count(), 2047);
  EXPECT_GE(buckets[2].highest.count(), 1000000);
}

}  // namespace
}  // namespace boltzmann::client
