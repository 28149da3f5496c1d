#include "server/admission.h"

#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace boltzmann::server {
namespace {

using std::chrono::steady_clock;
using testing::HasSubstr;

TEST(Admission, AdmitsUpToTheLimitAndAgainOnceRowsAreReleased) {
  Admission admission(10);
  EXPECT_TRUE(admission.Enter(6).ok());
  EXPECT_TRUE(admission.Enter(4).ok());
  const absl::Status refused = admission.Enter(1);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("queue full (10 of 10 rows are in flight, this call has 1)"));
  admission.Release(4);
  EXPECT_TRUE(admission.Enter(4).ok());
}

TEST(Admission, SaysThatACallLargerThanTheLimitCanNeverEnter) {
  Admission admission(10);
  const absl::Status refused = admission.Enter(11);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("raise --max_rows_in_flight"));
}

TEST(Admission, ClosedAnswersUnavailable) {
  Admission admission(10);
  admission.Close();
  EXPECT_EQ(admission.Enter(1).code(), absl::StatusCode::kUnavailable);
}

TEST(Admission, WaitsForTheLastCallToLeave) {
  Admission admission(10);
  ASSERT_TRUE(admission.Enter(1).ok());
  ASSERT_TRUE(admission.Enter(2).ok());
  admission.Release(3);
  EXPECT_FALSE(admission.WaitUntilEmpty(steady_clock::now()));
  admission.Leave();
  EXPECT_FALSE(admission.WaitUntilEmpty(steady_clock::now()));
  std::thread last([&] { admission.Leave(); });
  EXPECT_TRUE(admission.WaitUntilEmpty(steady_clock::now() + std::chrono::minutes(1)));
  last.join();
}

}  // namespace
}  // namespace boltzmann::server
