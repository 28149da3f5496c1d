#include "client/load_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "tests/client/load_samples.h"

namespace boltzmann::client {
namespace {

using test::FaultyStep;
using test::Result;
using test::Step;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Report(const LoadResult& result) {
  std::ostringstream out;
  PrintLoadReport(result, out);
  return out.str();
}

TEST(LoadReport, PrintsAStepWithItsRatesAndLatencies) {
  LoadStep step = Step(4);
  step.latency = {};
  step.latency.Record(std::chrono::microseconds(1250));
  step.latency.Record(std::chrono::seconds(1));
  step.send_latency = {};
  step.send_latency.Record(std::chrono::microseconds(500));
  EXPECT_EQ(Report(Result({step})), R"(server    127.0.0.1:50051, version 0.1.0, avx2
settings  batch=8 dtype=float32

concurrency 4, 10.0 s
             total  per_second
      calls   1000       100.0
       rows   8000       800.0
  logits_gb  4.000       0.400

     latency_ms     mean    p50       p90       p99     p99.9    p99.99       max
  from schedule  500.625  1.250  1000.000  1000.000  1000.000  1000.000  1000.000
      from send    0.500  0.500     0.500     0.500     0.500     0.500     0.500

  server_ms   mean
     queued  0.125
   computed  2.500

)");
}

TEST(LoadReport, PrintsWhatAnOpenLoopWasAskedFor) {
  EXPECT_THAT(Report(Result({Step(64, 2000.0)})), HasSubstr("rate 2000, in flight 64, 10.0 s\n"));
}

TEST(LoadReport, PrintsOneLineAStepOfASweepAndMarksTheBest) {
  LoadResult result = Result({Step(64, 100.0), Step(64, 200.0), FaultyStep(64)});
  result.best = 1;
  result.objective = "p99<5s";
  const std::string report = Report(result);
  EXPECT_THAT(report, HasSubstr("\n  best   200           64    100.0"));
  EXPECT_THAT(report, HasSubstr("\n         100           64    100.0"));
  EXPECT_THAT(report, HasSubstr("\nconcurrency 64: errors: 3 DEADLINE_EXCEEDED, 12 UNAVAILABLE"));
  EXPECT_THAT(report, HasSubstr("\nthe most that met p99<5s: rate 200, 100.0 calls/s\n"));
  result.best.reset();
  EXPECT_THAT(Report(result), HasSubstr("\nno step met p99<5s\n"));
}

TEST(LoadReport, SaysWhatWentWrong) {
  LoadResult result = Result({FaultyStep(4)});
  result.aborted = "the server is gone";
  const std::string report = Report(result);
  EXPECT_THAT(report, HasSubstr("ABORTED   the server is gone\n"));
  EXPECT_THAT(report, HasSubstr("errors: 3 DEADLINE_EXCEEDED, 12 UNAVAILABLE; the first: the call "
                                "took <too> long\n    and \"then\" ended\n"));
  EXPECT_THAT(report, HasSubstr("WRONG: 1 of 100 verified answers were not the same\n"));
  EXPECT_THAT(report, HasSubstr("warning: the generator was 3 ms late\n"));
}

TEST(LoadReport, HasNoLatencyWithoutAnAnswer) {
  LoadStep step;
  step.errors = {{"UNAVAILABLE", 1}};
  const std::string report = Report(Result({step}));
  EXPECT_THAT(report, HasSubstr("from schedule     -    -    -"));
  EXPECT_THAT(report, Not(HasSubstr("server_ms")));
}

TEST(LoadReport, BreaksLongSettings) {
  LoadResult result = Result({});
  for (char c = 'a'; c <= 'z'; ++c) result.settings[std::string(1, c)] = "12345678";
  std::istringstream lines(Report(result));
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) EXPECT_LE(line.size(), 100u);
  EXPECT_EQ(count, 5);
}

}  // namespace
}  // namespace boltzmann::client
