// The parts of a load test that need no server.
#include <chrono>
#include <string>
#include <vector>

#include "client/load_objective.h"
#include "client/load_recorder.h"
#include "client/load_schedule.h"
#include "client/load_workload.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace boltzmann::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using Clock = LoadSchedule::Clock;

LoadStep StepOf(const std::vector<milliseconds>& times) {
  LoadStep step;
  for (const milliseconds time : times) {
    ++step.call_count;
    step.latency.Record(time);
  }
  return step;
}

TEST(Objectives, AreMetOnlyIfEveryOneIs) {
  const auto objectives = ParseObjectives("p50<5ms, max<100ms");
  ASSERT_TRUE(objectives.ok()) << objectives.status();
  EXPECT_TRUE(Meets(StepOf({milliseconds(1), milliseconds(2), milliseconds(50)}), *objectives));
  EXPECT_FALSE(Meets(StepOf({milliseconds(1), milliseconds(2), milliseconds(150)}), *objectives));
  EXPECT_FALSE(Meets(StepOf({milliseconds(6), milliseconds(7), milliseconds(50)}), *objectives));
  EXPECT_FALSE(Meets(LoadStep(), *objectives));
}

TEST(Objectives, AreNotMetWhereACallFailed) {
  LoadStep step = StepOf({milliseconds(1)});
  step.errors["UNAVAILABLE"] = 1;
  EXPECT_FALSE(Meets(step, *ParseObjectives("p50<5ms")));
}

TEST(Objectives, ThatCannotBeReadAreRefusedWithWhatIsAllowed) {
  for (const std::string text : {"", "p99", "p99<5", "p98<5ms", "p99<-5ms", "p99>5ms", "p99<0ms",
                                 "errors<1ms", "p99<5ms,", "p99<inf"}) {
    const auto objectives = ParseObjectives(text);
    ASSERT_FALSE(objectives.ok()) << text;
    EXPECT_THAT(std::string(objectives.status().message()), HasSubstr("such as p99<5ms"));
  }
}

std::vector<double> SecondsOf(LoadSchedule& schedule, Clock::time_point begin) {
  std::vector<double> starts;
  while (const auto start = schedule.Next()) {
    starts.push_back(std::chrono::duration<double>(*start - begin).count());
  }
  return starts;
}

TEST(LoadSchedules, OfAConstantRateAreEven) {
  const auto begin = Clock::now();
  LoadSchedule schedule(begin, begin + seconds(1), 1000, 10, Arrivals::kConstant);
  const std::vector<double> starts = SecondsOf(schedule, begin);
  ASSERT_EQ(starts.size(), 10u);
  for (size_t i = 0; i < starts.size(); ++i)
    EXPECT_NEAR(starts[i], .1 * static_cast<double>(i), 1e-6);
}

// 100,000 gaps: their mean is 1 / rate and so is their deviation, to within a hundredth (3 sigma).
TEST(LoadSchedules, OfAPoissonProcessHaveExponentialGaps) {
  const auto begin = Clock::now();
  LoadSchedule schedule(begin, begin + std::chrono::hours(24), 100000, 100, Arrivals::kPoisson);
  const std::vector<double> starts = SecondsOf(schedule, begin);
  double sum = 0, squares = 0, last = 0;
  for (const double start : starts) {
    sum += start - last;
    squares += (start - last) * (start - last);
    last = start;
  }
  const double n = static_cast<double>(starts.size());
  EXPECT_NEAR(sum / n, .01, .0001);
  EXPECT_NEAR(std::sqrt(squares / n - sum / n * sum / n), .01, .0002);
}

TEST(LoadSchedules, EndAfterTheirCalls) {
  const auto begin = Clock::now();
  LoadSchedule open(begin, begin + seconds(100), 3, 1, Arrivals::kConstant);
  EXPECT_EQ(SecondsOf(open, begin).size(), 3u);
  LoadSchedule closed(begin, begin + seconds(100), 3, std::nullopt, Arrivals::kConstant);
  EXPECT_EQ(SecondsOf(closed, begin).size(), 3u);
}

TEST(LoadSchedules, TellWhatWasDueAndNeverAskedFor) {
  const auto begin = Clock::now() - seconds(1);
  LoadSchedule schedule(begin, begin + seconds(100), 1000, 10, Arrivals::kConstant);
  schedule.Next();
  EXPECT_EQ(schedule.CountMissed(begin + milliseconds(150), begin + milliseconds(450)), 3u);
  EXPECT_FALSE(schedule.Next());
}

class Recorders : public testing::Test {
 protected:
  void Record(milliseconds intended, milliseconds sent, milliseconds ended,
              absl::Status status = absl::OkStatus()) {
    EndedCall call;
    call.intended = begin_ + intended;
    call.sent = begin_ + sent;
    call.ended = begin_ + ended;
    call.status = status;
    call.waited_for_slot = sent - intended > milliseconds(100);
    recorder_.Record(call);
  }
  LoadStep Take() { return recorder_.Take(begin_ + milliseconds(2500), 4, 100); }

  const Clock::time_point begin_ = Clock::now();
  LoadRecorder recorder_{begin_, seconds(1)};
};

TEST_F(Recorders, CountFromTheScheduleAndFromTheSend) {
  Record(milliseconds(10), milliseconds(1010), milliseconds(1015));
  const LoadStep step = Take();
  EXPECT_EQ(step.latency.Max(), milliseconds(1005));
  EXPECT_EQ(step.send_latency.Max(), milliseconds(5));
  EXPECT_EQ(step.row_count, 4u);
  EXPECT_EQ(step.logit_bytes, 100u);
  ASSERT_EQ(step.warnings.size(), 1u);
  EXPECT_THAT(step.warnings[0], HasSubstr("--max_in_flight"));
}

TEST_F(Recorders, LeaveTheWarmUpOut) {
  Record(milliseconds(-10), milliseconds(-10), milliseconds(5));
  EXPECT_EQ(Take().call_count, 0u);
}

TEST_F(Recorders, CountByTheSecondInWhichACallEnded) {
  Record(milliseconds(0), milliseconds(0), milliseconds(500));
  Record(milliseconds(0), milliseconds(0), milliseconds(2100));
  const LoadStep step = Take();
  ASSERT_EQ(step.intervals.size(), 3u);
  EXPECT_EQ(step.intervals[0].latency.count(), 1u);
  EXPECT_EQ(step.intervals[1].latency.count(), 0u);
  EXPECT_EQ(step.intervals[2].latency.count(), 1u);
  EXPECT_DOUBLE_EQ(step.intervals[2].seconds, .5);
}

// Else a backlog that is worked off after the step would count as if it had been in time.
TEST_F(Recorders, EndTheStepWithTheLastCallThatTheyCount) {
  Record(milliseconds(0), milliseconds(0), milliseconds(5000));
  EXPECT_DOUBLE_EQ(Take().seconds, 5);
}

TEST_F(Recorders, HaveNoIntervalThatIsTooShortToTellARate) {
  Record(milliseconds(0), milliseconds(0), milliseconds(500));
  Record(milliseconds(0), milliseconds(0), milliseconds(3100));
  const LoadStep step = Take();
  ASSERT_EQ(step.intervals.size(), 3u);
  EXPECT_NEAR(step.intervals[2].seconds, 1.1, 1e-9);
  EXPECT_EQ(step.intervals[2].latency.count(), 1u);
}

TEST_F(Recorders, KeepErrorsApart) {
  Record(milliseconds(0), milliseconds(0), milliseconds(5), absl::UnavailableError("gone"));
  Record(milliseconds(0), milliseconds(0), milliseconds(6), absl::UnavailableError("still"));
  const LoadStep step = Take();
  EXPECT_EQ(step.call_count, 0u);
  EXPECT_EQ(step.errors.at("UNAVAILABLE"), 2u);
  EXPECT_EQ(step.first_error, "gone");
  EXPECT_EQ(step.intervals[0].error_count, 2u);
}

TEST(Workloads, MixedRowsDiffer) {
  for (uint32_t row = 0; row + 1 < 32; ++row) {
    EXPECT_NE(MixedParams(row).SerializeAsString(), MixedParams(row + 1).SerializeAsString());
  }
}

TEST(Workloads, OnlyTheSameBitsAreTheSameAnswer) {
  v1::SampleResponse a;
  a.add_results()->mutable_drawn()->add_model_logprobs(0.0f);
  v1::SampleResponse b = a;
  EXPECT_TRUE(IsSameAnswer(a, b));
  b.mutable_results(0)->mutable_drawn()->set_model_logprobs(0, -0.0f);
  EXPECT_FALSE(IsSameAnswer(a, b));
  EXPECT_FALSE(IsSameAnswer(a, v1::SampleResponse()));
}

}  // namespace
}  // namespace boltzmann::client
