// Lines of the log, whatever is in them.
#include "server/log.h"

#include <chrono>
#include <string>

#include "gtest/gtest.h"

namespace boltzmann::server {
namespace {

TEST(Log, TextIsOneLineOfWordsAndQuotedValues) {
  EXPECT_EQ(TEST_Render("Sample", {{"rows", 3}, {"ms", .25}, {"status", "OK"}}, false),
            "Sample rows=3 ms=0.25 status=OK");
  EXPECT_EQ(TEST_Render("Sample", {{"error", "two words"}, {"id", ""}, {"x", "a=b"}}, false),
            "Sample error=\"two words\" id=\"\" x=\"a=b\"");
}

TEST(Log, JsonIsEscaped) {
  EXPECT_EQ(TEST_Render("a \"line\"", {{"rows", 3}, {"error", "one\ntwo\t\\ \x01"}}, true),
            "\"message\":\"a \\\"line\\\"\",\"rows\":3,\"error\":\"one\\ntwo\\t\\\\ \\u0001\"");
}

TEST(Log, NoTextEndsItsLineOrForgesAnother) {
  const std::string forged = "id\n2026-11-25T00:00:00Z info Sample status=OK";
  for (const bool json : {false, true}) {
    EXPECT_EQ(TEST_Render(forged, {{"request_id", forged}}, json).find('\n'), std::string::npos);
  }
}

TEST(Log, BytesThatAreNoUtf8BecomeReplacementCharacters) {
  EXPECT_EQ(TEST_Render("m", {{"id", "\xff\xc3("}}, true),
            "\"message\":\"m\",\"id\":\"\xef\xbf\xbd\xef\xbf\xbd(\"");
}

TEST(Log, LevelsAreKnownByName) {
  const std::string before = CurrentLogLevel();
  EXPECT_TRUE(SetLogLevel("debug").ok());
  EXPECT_EQ(CurrentLogLevel(), "debug");
  EXPECT_TRUE(Logs(LogLevel::debug));
  EXPECT_FALSE(SetLogLevel("verbose").ok());
  EXPECT_EQ(CurrentLogLevel(), "debug");
  EXPECT_TRUE(SetLogLevel(before).ok());
}

TEST(LogLimiter, LetsABurstThroughThenSomeASecondAndCountsTheOthers) {
  using std::chrono::milliseconds;
  LogLimiter limiter;
  const LogLimiter::Clock::time_point start = LogLimiter::Clock::now();
  int allowed = 0;
  int64_t left_out = 0;
  for (int i = 0; i < 1000; ++i) allowed += limiter.Allow(start, left_out);
  EXPECT_EQ(allowed, static_cast<int>(LogLimiter::kBurst));
  EXPECT_EQ(left_out, 0);
  for (int i = 0; i < 1000; ++i)
    allowed += limiter.Allow(start + milliseconds(10 * i), left_out);
  EXPECT_NEAR(allowed, LogLimiter::kBurst + 9.99 * LogLimiter::kPerSecond, 2);
  EXPECT_TRUE(limiter.Allow(start + milliseconds(60000), left_out));
  EXPECT_GT(left_out, 0);
}

}  // namespace
}  // namespace boltzmann::server
