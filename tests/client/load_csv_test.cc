#include "client/load_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "tests/client/load_samples.h"

namespace boltzmann::client {
namespace {

using test::FaultyStep;
using test::Result;
using test::Step;
using ::testing::StartsWith;

std::vector<std::string> Lines(const LoadResult& result) {
  std::stringstream csv;
  WriteLoadCsv(result, csv);
  std::vector<std::string> lines;
  for (std::string line; std::getline(csv, line);) lines.push_back(line);
  return lines;
}

TEST(LoadCsv, HasALineForEachStepAndEachInterval) {
  const std::vector<std::string> lines = Lines(Result({Step(8), Step(64, 12.5)}));
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_THAT(lines[0], StartsWith("line,step,concurrency,rate,begin_seconds,seconds,calls,errors,"
                                   "calls/s,min_ms,mean_ms,p50_ms,"));
  EXPECT_THAT(lines[1], StartsWith("step,1,8,,0,10,1000,0,100,1,500.5,"));
  EXPECT_THAT(lines[2], StartsWith("interval,1,8,,0,5,400,0,80,1,200.5,"));
  EXPECT_THAT(lines[3], StartsWith("interval,1,8,,5,5,600,2,120,1,300.5,"));
  EXPECT_THAT(lines[4], StartsWith("step,2,64,12.5,"));
  EXPECT_THAT(lines[5], StartsWith("interval,2,64,12.5,"));
}

TEST(LoadCsv, HasAsManyCellsInEveryLine) {
  LoadResult result = Result({FaultyStep(8), LoadStep{}});
  result.best = 0;
  const std::vector<std::string> lines = Lines(result);
  for (const std::string& line : lines) {
    EXPECT_EQ(std::count(line.begin(), line.end(), ','),
              std::count(lines[0].begin(), lines[0].end(), ','))
        << line;
  }
  EXPECT_THAT(lines.at(1), ::testing::EndsWith(",100,1,1"));
}

}  // namespace
}  // namespace boltzmann::client
