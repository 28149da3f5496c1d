#include "server/admission.h"

#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/status.h"

namespace boltzmann::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Calls that ask for turns, and what became of them.
class AdmissionTest : public testing::Test {
 protected:
  struct Call {
    explicit Call(AdmissionTest& test, std::string call_name)
        : name(std::move(call_name)),
          turn([this, &test](const absl::Status& s) { test.Began(*this, s); },
               [this, &test] { test.cancelled_.push_back(name); }) {}
    std::string name;
    absl::Status status = absl::UnknownError("waits");
    Admission::Turn turn;
  };

  // A call whose caller is the first letter of its name.
  Call& Request(const std::string& name) {
    calls_.push_back(std::make_unique<Call>(*this, name));
    admission_->Request(calls_.back()->turn, name.substr(0, 1));
    return *calls_.back();
  }

  void Began(Call& call, const absl::Status& status) {
    call.status = status;
    if (status.ok()) began_.push_back(call.name);
  }

  void Make(const AdmissionOptions& options) { admission_ = std::make_unique<Admission>(options); }

  std::unique_ptr<Admission> admission_;
  std::deque<std::unique_ptr<Call>> calls_;
  std::vector<std::string> began_;
  std::vector<std::string> cancelled_;
};

TEST_F(AdmissionTest, GrantsTurnsAtOnceWhileThereAreAny) {
  Make({.max_in_flight = 2});
  Request("a1");
  Request("b1");
  Request("c1");
  EXPECT_THAT(began_, ElementsAre("a1", "b1"));
}

TEST_F(AdmissionTest, ATurnThatEndsBeginsTheNext) {
  Make({.max_in_flight = 2});
  Call& first = Request("a1");
  Request("b1");
  Request("c1");
  admission_->End(first.turn);
  EXPECT_THAT(began_, ElementsAre("a1", "b1", "c1"));
}

TEST_F(AdmissionTest, OneCallerHasHalfOfTheTurnsAtMost) {
  Make({.max_in_flight = 4});
  Request("a1");
  Request("a2");
  Call& third = Request("a3");
  EXPECT_EQ(third.status.code(), absl::StatusCode::kUnknown);
  Request("b1");
  EXPECT_THAT(began_, ElementsAre("a1", "a2", "b1"));
}

TEST_F(AdmissionTest, CallersAreServedInTurnHoweverManyCallsEachHas) {
  Make({.max_in_flight = 1});
  Request("a1");
  for (const char* name : {"a2", "a3", "a4", "b1", "c1", "b2"}) Request(name);
  for (size_t i = 0; i < 6; ++i) {
    const std::string last = began_.back();
    for (const auto& call : calls_) {
      if (call->name == last) admission_->End(call->turn);
    }
  }
  EXPECT_THAT(began_, ElementsAre("a1", "a2", "b1", "c1", "a3", "b2", "a4"));
}

TEST_F(AdmissionTest, ACallerWithAllItsTurnsDoesNotHoldUpThoseBehindIt) {
  Make({.max_in_flight = 2});
  Request("a1");
  Request("a2");
  Request("b1");
  EXPECT_THAT(began_, ElementsAre("a1", "b1"));
  Request("c1");
  admission_->End(calls_[2]->turn);  // b1: a2 waits longer than c1, but a has its half
  EXPECT_THAT(began_, ElementsAre("a1", "b1", "c1"));
  admission_->End(calls_[0]->turn);
  EXPECT_THAT(began_, ElementsAre("a1", "b1", "c1", "a2"));
}

TEST_F(AdmissionTest, TooManyWhoWaitArePushedBackWithATimeToRetryAfter) {
  Make({.max_in_flight = 1, .max_waiting = 4});
  for (const char* name : {"a1", "a2", "a3"}) Request(name);
  const Call& half = Request("a4");
  EXPECT_EQ(half.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(half.status.message()),
              HasSubstr("queue full (2 calls wait, 2 of them this caller's): retry in "));
  for (const char* name : {"b1", "b2"}) Request(name);
  const Call& full = Request("c1");
  EXPECT_EQ(full.status.code(), absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(PushbackMs(full.status).has_value());
  EXPECT_GE(std::stoi(*PushbackMs(full.status)), 1);
  EXPECT_THAT(began_, ElementsAre("a1"));
}

TEST_F(AdmissionTest, ACallThatIsWithdrawnNeverBegins) {
  Make({.max_in_flight = 1});
  Call& first = Request("a1");
  Call& second = Request("a2");
  EXPECT_FALSE(admission_->Withdraw(first.turn));
  EXPECT_TRUE(admission_->Withdraw(second.turn));
  EXPECT_FALSE(admission_->Withdraw(second.turn));
  admission_->End(second.turn);  // of a call without a turn: nothing happens
  Request("b1");
  admission_->End(first.turn);
  EXPECT_THAT(began_, ElementsAre("a1", "b1"));
}

TEST_F(AdmissionTest, ClosingTellsThoseWhoWaitAndThoseWhoCome) {
  Make({.max_in_flight = 1});
  Call& first = Request("a1");
  const Call& waiting = Request("b1");
  admission_->Close();
  EXPECT_EQ(waiting.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Request("c1").status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(admission_->EnterStream().code(), absl::StatusCode::kUnavailable);
  admission_->End(first.turn);
  EXPECT_THAT(began_, ElementsAre("a1"));
}

TEST_F(AdmissionTest, CallsThatKeepOthersWaitingAreCancelled) {
  Make({.max_in_flight = 2});
  Call& computing = Request("a1");
  Request("b1");
  admission_->SetIdle(computing.turn, false);
  const auto later = Admission::Clock::now() + std::chrono::hours(1);
  admission_->CancelIdle(later);
  EXPECT_THAT(cancelled_, IsEmpty());  // nobody waits
  Request("c1");
  admission_->CancelIdle(Admission::Clock::now() - std::chrono::hours(1));
  EXPECT_THAT(cancelled_, IsEmpty());  // nobody for so long
  admission_->CancelIdle(later);
  EXPECT_THAT(cancelled_, ElementsAre("b1"));
}

TEST_F(AdmissionTest, StreamsAreCounted) {
  Make({.max_streams = 1});
  EXPECT_TRUE(admission_->EnterStream().ok());
  EXPECT_THAT(std::string(admission_->EnterStream().message()), HasSubstr("raise --max_streams"));
  admission_->LeaveStream();
  EXPECT_TRUE(admission_->EnterStream().ok());
}

TEST_F(AdmissionTest, WaitsForTheLastTurnToEnd) {
  Make({.max_in_flight = 2});
  Call& first = Request("a1");
  Call& second = Request("b1");
  EXPECT_FALSE(admission_->WaitUntilEmpty(Admission::Clock::now()));
  admission_->End(first.turn);
  EXPECT_FALSE(admission_->WaitUntilEmpty(Admission::Clock::now()));
  std::thread last([&] { admission_->End(second.turn); });
  EXPECT_TRUE(admission_->WaitUntilEmpty(Admission::Clock::now() + std::chrono::minutes(1)));
  last.join();
}

}  // namespace
}  // namespace boltzmann::server
