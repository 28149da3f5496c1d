#include "client/load_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_replace.h"
#include "client/load_figures.h"
#include "tests/client/load_samples.h"

namespace boltzmann::client {
namespace {

using test::FaultyStep;
using test::Result;
using test::Step;
using ::testing::HasSubstr;
using ::testing::StartsWith;

LoadResult FullResult() {
  LoadResult result = Result({Step(64, 1234.5678), FaultyStep(2)});
  result.best = 1;
  result.objective = "p99<5ms";
  result.aborted = "interrupted";
  return result;
}

void ExpectSame(const LatencyHistogram& read, const LatencyHistogram& written) {
  EXPECT_EQ(read.count(), written.count());
  EXPECT_EQ(read.Min(), written.Min());
  EXPECT_EQ(read.Max(), written.Max());
  for (const double p : {0.0, .001, .25, .5, .9, .99, .999, .9999, 1.0}) {
    EXPECT_EQ(read.Percentile(p), written.Percentile(p)) << p;
  }
  const double mean = Milliseconds(written.Mean());
  EXPECT_NEAR(Milliseconds(read.Mean()), mean, mean / 1024);
}

void ExpectRefused(const std::string& json, const std::string& why) {
  const auto result = ParseLoadJson(json);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr(why));
}

// What LoadJson() writes, with another text in place of one that is there.
std::string Altered(const std::string& from, const std::string& to) {
  const std::string json = LoadJson(FullResult());
  EXPECT_THAT(json, HasSubstr(from));
  return absl::StrReplaceAll(json, {{from, to}});
}

TEST(LoadJson, IsReadAsItWasWritten) {
  const LoadResult written = FullResult();
  const auto read = ParseLoadJson(LoadJson(written));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->target, written.target);
  EXPECT_EQ(read->server_version, written.server_version);
  EXPECT_EQ(read->instruction_set, written.instruction_set);
  EXPECT_EQ(read->settings, written.settings);
  EXPECT_EQ(read->best, written.best);
  EXPECT_EQ(read->objective, written.objective);
  EXPECT_EQ(read->aborted, written.aborted);
  ASSERT_EQ(read->steps.size(), 2u);
}

TEST(LoadJson, IsReadStepByStepAsItWasWritten) {
  const LoadResult written = FullResult();
  const auto read = ParseLoadJson(LoadJson(written));
  ASSERT_TRUE(read.ok()) << read.status();
  for (size_t i = 0; i < 2; ++i) {
    const LoadStep& now = read->steps[i];
    const LoadStep& then = written.steps[i];
    EXPECT_EQ(now.concurrency, then.concurrency);
    EXPECT_EQ(now.rate, then.rate);
    EXPECT_EQ(now.seconds, then.seconds);
    EXPECT_EQ(now.call_count, then.call_count);
    EXPECT_EQ(now.row_count, then.row_count);
    EXPECT_EQ(now.logit_bytes, then.logit_bytes);
    EXPECT_EQ(now.errors, then.errors);
    EXPECT_EQ(now.first_error, then.first_error);
    EXPECT_EQ(now.verified_count, then.verified_count);
    EXPECT_EQ(now.wrong_count, then.wrong_count);
    EXPECT_EQ(now.warnings, then.warnings);
    EXPECT_EQ(now.server->queued_us, then.server->queued_us);
    EXPECT_EQ(now.server->computed_us, then.server->computed_us);
    ExpectSame(now.latency, then.latency);
    ExpectSame(now.send_latency, then.send_latency);
    ASSERT_EQ(now.intervals.size(), then.intervals.size());
    EXPECT_EQ(now.intervals[1].begin_seconds, 5);
    EXPECT_EQ(now.intervals[1].seconds, 5);
    EXPECT_EQ(now.intervals[1].error_count, 2u);
    ExpectSame(now.intervals[1].latency, then.intervals[1].latency);
  }
}

TEST(LoadJson, IsWrittenTheSameAgain) {
  const std::string json = LoadJson(FullResult());
  EXPECT_EQ(LoadJson(FullResult()), json);
  EXPECT_THAT(json, StartsWith(R"({"aborted":"interrupted","best":1,)"));
  EXPECT_THAT(json, HasSubstr(R"("schema_version":1,)"));
  EXPECT_THAT(json, HasSubstr(R"("p99.99":1000)"));
}

TEST(LoadJson, KeepsATestWithoutAnswers) {
  const auto read = ParseLoadJson(LoadJson(Result({LoadStep{}})));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->steps.at(0).latency.count(), 0u);
  EXPECT_FALSE(read->steps[0].server.has_value());
  EXPECT_FALSE(read->best.has_value());
}

TEST(LoadJson, KeepsASingleTime) {
  LoadStep step;
  step.latency.Record(std::chrono::nanoseconds(123456789));
  const auto read = ParseLoadJson(LoadJson(Result({step})));
  ASSERT_TRUE(read.ok()) << read.status();
  ExpectSame(read->steps[0].latency, step.latency);
}

// As many as a counter of doubles can tell: recorded one by one they would take a year.
TEST(LoadJson, ReadsLargeCountsAtOnce) {
  const auto read = ParseLoadJson(
      absl::StrReplaceAll(LoadJson(Result({Step(1)})),
                          {{"\"bucket_counts\":[1,", "\"bucket_counts\":[9007199254739993,"},
                           {"\"count\":1000,", "\"count\":9007199254740992,"},
                           {"\"count\":400,", "\"count\":9007199254740392,"},
                           {"\"count\":600,", "\"count\":9007199254740592,"}}));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->steps[0].latency.count(), 9007199254740992u);
  EXPECT_EQ(read->steps[0].latency.Max(), std::chrono::seconds(1));
}

TEST(LoadJson, KeepsTextOfTheServerThatIsNoUtf8) {
  LoadStep step;
  step.first_error = "caf\xe9 \xf0\x9f\x98\x80 \xed\xa0\x80";
  const auto read = ParseLoadJson(LoadJson(Result({step})));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->steps[0].first_error,
            "caf\xef\xbf\xbd \xf0\x9f\x98\x80 \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(LoadJson, SaysWhatCannotBeRead) {
  ExpectRefused("", "is not JSON: ");
  ExpectRefused("p99 = 5", "is not JSON: ");
  ExpectRefused("[]", "is not JSON: ");
  ExpectRefused("{}", "schema_version is missing");
  ExpectRefused(Altered("\"schema_version\":1", "\"schema_version\":2"),
                "schema_version is 2: only 1 can be read");
  ExpectRefused(Altered("\"target\"", "\"goal\""), "target is missing");
  ExpectRefused(Altered("\"best\":1", "\"best\":2"), "best is not of a step");
  ExpectRefused(Altered("\"concurrency\":2", "\"concurrency\":\"2\""),
                "steps[1].concurrency is of another type");
  ExpectRefused(Altered("\"call_count\":1000", "\"call_count\":-1"),
                "steps[0].call_count is -1: it must be in [0, ");
  ExpectRefused(Altered("\"call_count\":1000", "\"call_count\":0.5"),
                "steps[0].call_count is not an integer");
  ExpectRefused(Altered("\"count\":1000", "\"count\":999"),
                "steps[0].latency.count is not the sum of bucket_counts");
  ExpectRefused(Altered("\"bucket_counts\":[1,", "\"bucket_counts\":["),
                "steps[0].latency.bucket_counts has 999 entries and not 1000");
  ExpectRefused(Altered("\"warnings\":[]", "\"warnings\":[1]"), "warnings has what is not a text");
}

}  // namespace
}  // namespace boltzmann::client
