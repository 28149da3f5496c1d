#include "client/load_distribution.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "tests/client/load_samples.h"

namespace boltzmann::client {
namespace {

std::string Hgrm(const LatencyHistogram& times) {
  std::ostringstream out;
  WriteHgrm(times, out);
  return out.str();
}

// Ten times of 1 to 10 us. The lines are those of HdrHistogram 2.1.11, given the same times, three
// digits and an hour; only its mean is of the buckets, and prints as 0.006.
TEST(Hgrm, IsThatOfHdrHistogram) {
  EXPECT_EQ(Hgrm(test::Milliseconds(10, 1e-3)),
            R"(       Value     Percentile TotalCount 1/(1-Percentile)

       0.001 0.000000000000          1           1.00
       0.001 0.100000000000          1           1.11
       0.002 0.200000000000          2           1.25
       0.003 0.300000000000          3           1.43
       0.004 0.400000000000          4           1.67
       0.005 0.500000000000          5           2.00
       0.006 0.550000000000          6           2.22
       0.006 0.600000000000          6           2.50
       0.007 0.650000000000          7           2.86
       0.007 0.700000000000          7           3.33
       0.008 0.750000000000          8           4.00
       0.008 0.775000000000          8           4.44
       0.008 0.800000000000          8           5.00
       0.009 0.825000000000          9           5.71
       0.009 0.850000000000          9           6.67
       0.009 0.875000000000          9           8.00
       0.009 0.887500000000          9           8.89
       0.009 0.900000000000          9          10.00
       0.010 0.912500000000         10          11.43
       0.010 1.000000000000         10
#[Mean    =        0.005, StdDeviation   =        0.003]
#[Max     =        0.010, Total count    =           10]
#[Buckets =           32, SubBuckets     =         2048]
)");
}

TEST(Hgrm, HasOnlyTheFrameWithoutTimes) {
  EXPECT_EQ(Hgrm({}), R"(       Value     Percentile TotalCount 1/(1-Percentile)

#[Mean    =        0.000, StdDeviation   =        0.000]
#[Max     =        0.000, Total count    =            0]
#[Buckets =           32, SubBuckets     =         2048]
)");
}

TEST(Distribution, EndsWithTheLongestTimeAndNeverFalls) {
  const LatencyHistogram times = test::Milliseconds(12345);
  DistributionPoint last = {LatencyHistogram::Duration(0), 0, 0};
  for (const DistributionPoint& point : Distribution(times)) {
    EXPECT_GE(point.value, last.value);
    EXPECT_GE(point.percentile, last.percentile);
    EXPECT_EQ(point.value, times.Percentile(point.percentile)) << point.percentile;
    last = point;
  }
  EXPECT_EQ(last.value, times.Max());
  EXPECT_EQ(last.percentile, 1);
  EXPECT_EQ(last.total_count, 12345u);
}

}  // namespace
}  // namespace boltzmann::client
