#include "client/load_compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "tests/client/load_samples.h"

namespace boltzmann::client {
namespace {

using test::FaultyStep;
using test::Result;
using test::Step;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

void ExpectRefused(const std::string& list, const std::string& why) {
  const auto conditions = ParseFailConditions(list);
  EXPECT_EQ(conditions.status().code(), absl::StatusCode::kInvalidArgument) << list;
  EXPECT_THAT(std::string(conditions.status().message()), HasSubstr(why));
}

TEST(FailConditions, AreRead) {
  const auto conditions =
      ParseFailConditions("p99>+10%, calls_per_second < -5% ,mean>1.5s,errors>0");
  ASSERT_TRUE(conditions.ok()) << conditions.status();
  ASSERT_EQ(conditions->size(), 4u);
  const FailCondition& p99 = conditions->at(0);
  EXPECT_EQ(p99.text, "p99>+10%");
  EXPECT_STREQ(p99.metric->name, "p99");
  EXPECT_TRUE(p99.above && p99.relative);
  EXPECT_DOUBLE_EQ(p99.limit, 0.1);
  const FailCondition& calls = conditions->at(1);
  EXPECT_STREQ(calls.metric->name, "calls_per_second");
  EXPECT_TRUE(!calls.above && calls.relative);
  EXPECT_DOUBLE_EQ(calls.limit, -0.05);
  EXPECT_FALSE(conditions->at(2).relative);
  EXPECT_DOUBLE_EQ(conditions->at(2).limit, 1500);
  EXPECT_DOUBLE_EQ(conditions->at(3).limit, 0);
}

TEST(FailConditions, TakeEveryFigure) {
  EXPECT_TRUE(ParseFailConditions("p50>1ms,p90>1us,p99>1ns,p99.9>1s,p99.99>1m,max>1h,mean>0,"
                                  "calls_per_second<1e0")
                  .status()
                  .message()
                  .find("'1e0' is no number") != absl::string_view::npos);
  EXPECT_TRUE(ParseFailConditions("p50>1ms,p90>1us,p99>1ns,p99.9>1s,p99.99>1m,max>1h,mean>0,"
                                  "calls_per_second<1,rows_per_second<1.5,errors>1")
                  .ok());
}

TEST(FailConditions, AreRefusedWithWhatIsAllowed) {
  ExpectRefused("", "there is no > or <: give a condition such as p99>+10%");
  ExpectRefused("p99>1ms,", "there is no > or <");
  ExpectRefused("p99=1ms", "there is no > or <");
  ExpectRefused("p98>1ms",
                "no figure is named 'p98': give one of p50 p90 p99 p99.9 p99.99 max mean");
  ExpectRefused(">1ms", "no figure is named ''");
  ExpectRefused("p99>", "'' is no time: give one with its unit, such as 5ms");
  ExpectRefused("p99>5", "'5' is no time");
  ExpectRefused("p99>-5ms", "'-5ms' is no time");
  ExpectRefused("p99>inf", "'inf' is no time");
  ExpectRefused("p99>=5ms", "'=5ms' is no time");
  ExpectRefused("p99>10%", "'10%' is no time: give one with its unit, such as 5ms, or a change");
  ExpectRefused("p99>+%", "'+%' is no change: give one such as +10% or -5%");
  ExpectRefused("p99>++1%", "'++1%' is no change");
  ExpectRefused("p99<-101%", "'-101%' is no change");
  ExpectRefused("errors>5ms", "'5ms' is no number: give one such as 1000");
  ExpectRefused("errors>nan", "'nan' is no number");
  ExpectRefused("errors>1.2.3", "'1.2.3' is no number");
}

bool HoldsFor(const std::string& text, std::optional<double> now,
              std::optional<double> baseline = {}) {
  const auto conditions = ParseFailConditions(text);
  EXPECT_TRUE(conditions.ok()) << conditions.status();
  return Holds(conditions->at(0), now, baseline);
}

TEST(FailConditions, HoldBeyondTheirLimit) {
  EXPECT_TRUE(HoldsFor("p99>+10%", 11.1, 10));
  EXPECT_FALSE(HoldsFor("p99>+10%", 10.9, 10));
  EXPECT_TRUE(HoldsFor("p99>-10%", 9.1, 10));
  EXPECT_TRUE(HoldsFor("calls_per_second<-5%", 94, 100));
  EXPECT_FALSE(HoldsFor("calls_per_second<-5%", 96, 100));
  EXPECT_TRUE(HoldsFor("p99>5ms", 5.1));
  EXPECT_FALSE(HoldsFor("p99>5ms", 5));
  EXPECT_TRUE(HoldsFor("calls_per_second<1000", 999));
  EXPECT_FALSE(HoldsFor("calls_per_second<1000", 1000));
  EXPECT_TRUE(HoldsFor("errors>+10%", 1, 0));
  EXPECT_FALSE(HoldsFor("errors>+10%", 0, 0));
}

TEST(FailConditions, HoldForWhatWasNotMeasured) {
  EXPECT_TRUE(HoldsFor("p99>5ms", std::nullopt));
  EXPECT_TRUE(HoldsFor("p99<5ms", std::nullopt));
  EXPECT_TRUE(HoldsFor("p99>+10%", 1, std::nullopt));
}

std::string RefusalToPair(const LoadResult& now, const LoadResult& baseline) {
  const auto pairs = PairSteps(now, &baseline);
  EXPECT_EQ(pairs.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(pairs.status().message());
}

TEST(PairSteps, MatchesStepsByWhatTheyWereAskedFor) {
  const LoadResult now = Result({Step(1), Step(64, 500.0)});
  const LoadResult baseline = Result({Step(1), Step(32, 500.0)});
  const auto pairs = PairSteps(now, &baseline);
  ASSERT_TRUE(pairs.ok()) << pairs.status();
  ASSERT_EQ(pairs->size(), 2u);
  EXPECT_EQ(pairs->at(1).now, &now.steps[1]);
  EXPECT_EQ(pairs->at(1).baseline, &baseline.steps[1]);
}

TEST(PairSteps, RefusesOtherSteps) {
  EXPECT_EQ(RefusalToPair(Result({Step(1), Step(2)}), Result({Step(1), Step(4)})),
            "the baseline has other steps, concurrency 1, concurrency 4 and not concurrency 1, "
            "concurrency 2");
  EXPECT_EQ(RefusalToPair(Result({Step(1)}), Result({Step(1, 100.0)})),
            "the baseline has other steps, rate 100 and not concurrency 1");
  EXPECT_EQ(RefusalToPair(Result({Step(1)}), Result({})),
            "the baseline has other steps, none and not concurrency 1");
}

LoadResult FindMax(std::vector<LoadStep> steps, std::optional<size_t> best) {
  LoadResult result = Result(std::move(steps));
  result.objective = "p99<5ms";
  result.best = best;
  return result;
}

TEST(PairSteps, ComparesTheBestStepsOfTestsThatLookedForThem) {
  const LoadResult now = FindMax({Step(1, 100.0), Step(1, 200.0), Step(1, 150.0)}, 2);
  const LoadResult baseline = FindMax({Step(1, 100.0), Step(1, 200.0)}, 1);
  const auto pairs = PairSteps(now, &baseline);
  ASSERT_TRUE(pairs.ok()) << pairs.status();
  ASSERT_EQ(pairs->size(), 1u);
  EXPECT_EQ(pairs->at(0).now, &now.steps[2]);
  EXPECT_EQ(pairs->at(0).baseline, &baseline.steps[1]);
}

TEST(PairSteps, RefusesTestsThatLookedForSomethingElseOrFoundNothing) {
  const LoadResult now = FindMax({Step(1, 100.0)}, 0);
  const LoadResult none = FindMax({Step(1, 100.0)}, std::nullopt);
  EXPECT_EQ(RefusalToPair(now, Result({Step(1, 100.0)})),
            "the baseline has another objective, '' and not 'p99<5ms'");
  EXPECT_EQ(RefusalToPair(now, none), "the baseline has no step that met p99<5ms");
  EXPECT_EQ(RefusalToPair(none, now), "this test has no step that met p99<5ms");
}

TEST(Comparison, PrintsWhatHasChangedAndWhatHolds) {
  const LoadResult baseline = Result({Step(8)});
  LoadResult now = Result({Step(8, {}, 1.5)});
  now.settings = {{"batch", "16"}, {"dtype", "float32"}, {"json", "new.json"}};
  const auto pairs = PairSteps(now, &baseline);
  const auto conditions = ParseFailConditions("max>+10%,p50>2s,max>1s,calls_per_second<-5%");
  std::ostringstream out;
  PrintComparison(now, baseline, *pairs, *conditions, out);
  EXPECT_THAT(out.str(), HasSubstr("other_setting  baseline  now\n        batch         8   16\n"));
  EXPECT_THAT(out.str(), Not(HasSubstr("new.json")));
  EXPECT_THAT(out.str(), Not(HasSubstr("slo")));
  EXPECT_THAT(out.str(),
              HasSubstr("concurrency 8               max  1000.000 ms  1500.000 ms  +50.0%  "
                        "max>+10%,max>1s\n"));
  EXPECT_THAT(out.str(), HasSubstr("concurrency 8  calls_per_second          100          100    "
                                   "0.0%\n"));
  EXPECT_THAT(HoldingConditions(*pairs, *conditions),
              ElementsAre("concurrency 8: max>+10%: 1500.000 ms, 1000.000 ms in the baseline",
                          "concurrency 8: max>1s: 1500.000 ms, 1000.000 ms in the baseline"));
}

TEST(Comparison, JudgesWithoutABaselineToo) {
  const LoadResult now = Result({FaultyStep(1), LoadStep{}});
  const auto pairs = PairSteps(now, nullptr);
  EXPECT_THAT(HoldingConditions(*pairs, *ParseFailConditions("errors>14,p99>1s")),
              ElementsAre("concurrency 1: errors>14: 15", "concurrency 1: p99>1s: none"));
  EXPECT_THAT(HoldingConditions(*PairSteps(Result({}), nullptr), *ParseFailConditions("p99>1s")),
              IsEmpty());
}

}  // namespace
}  // namespace boltzmann::client
