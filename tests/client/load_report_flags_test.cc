#include "client/load_report_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/reflection.h"
#include "client/load_json.h"
#include "tests/client/load_samples.h"
#include "tests/client/run_command.h"
#include "tests/client/temporary_file.h"
#include "tests/temporary_directory.h"

namespace boltzmann::client {
namespace {

using test::CommandResult;
using test::Result;
using test::Step;
using test::TemporaryDirectory;
using test::TemporaryFile;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using Flags = std::map<std::string, std::string>;

void SetFlags(const Flags& flags) {
  test::ResetFlags();
  for (const auto& [name, value] : flags) {
    std::string error;
    ASSERT_TRUE(absl::FindCommandLineFlag(name)->ParseFrom(value, &error)) << error;
  }
}

absl::Status Check(const Flags& flags) {
  SetFlags(flags);
  return CheckLoadReportFlags();
}

struct Reported {
  absl::Status status;
  std::string out;
  std::string err;
};

Reported Report(const LoadResult& result, const Flags& flags) {
  SetFlags(flags);
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  Console console{in, out, err};
  const absl::Status status = ReportLoad(result, console);
  return {status, out.str(), err.str()};
}

std::string Content(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

TEST(LoadReportFlags, PrintATableUnlessJsonIsAskedFor) {
  const Reported table = Report(Result({Step(1)}), {});
  EXPECT_TRUE(table.status.ok()) << table.status;
  EXPECT_THAT(table.out, HasSubstr("from schedule"));
  const Reported json = Report(Result({Step(1)}), {{"format", "json"}});
  EXPECT_TRUE(json.status.ok()) << json.status;
  EXPECT_EQ(json.out, LoadJson(Result({Step(1)})));
}

TEST(LoadReportFlags, WriteTheFilesThatAreAskedFor) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/load.";
  const Flags flags = {{"csv", path + "csv"},
                       {"hgrm", path + "hgrm"},
                       {"html", path + "html"},
                       {"json", path + "json"}};
  EXPECT_TRUE(Check(flags).ok());
  EXPECT_TRUE(Report(Result({Step(1)}), flags).status.ok());
  EXPECT_THAT(Content(path + "csv"), StartsWith("line,step,"));
  EXPECT_THAT(Content(path + "hgrm"), StartsWith("       Value     Percentile"));
  EXPECT_THAT(Content(path + "html"), StartsWith("<!DOCTYPE html>"));
  EXPECT_TRUE(ParseLoadJson(Content(path + "json")).ok());
}

TEST(LoadReportFlags, WriteOneHgrmAStepOfASweep) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/load";
  EXPECT_TRUE(Report(Result({Step(1), Step(8, 250.0)}), {{"hgrm", path + ".hgrm"}}).status.ok());
  EXPECT_TRUE(std::filesystem::exists(path + "-1-concurrency-1.hgrm"));
  EXPECT_TRUE(std::filesystem::exists(path + "-2-rate-250.hgrm"));
}

TEST(LoadReportFlags, FailWhereAConditionHolds) {
  const TemporaryFile old("baseline", LoadJson(Result({Step(1)})));
  const Flags flags = {{"baseline", old.path()}, {"fail_if", "max>+10%"}};
  EXPECT_TRUE(Check(flags).ok());
  const Reported same = Report(Result({Step(1)}), flags);
  EXPECT_TRUE(same.status.ok()) << same.status;
  EXPECT_THAT(same.out,
              HasSubstr("concurrency 1               max  1000.000 ms  1000.000 ms    0.0%"));
  const Reported slower = Report(Result({Step(1, {}, 1.2)}), flags);
  EXPECT_EQ(slower.status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(IsMisuse(slower.status));
  EXPECT_THAT(std::string(slower.status.message()),
              StartsWith("--fail_if:\n  concurrency 1: max>+10%: 1200.000 ms, "));
  EXPECT_THAT(slower.out, HasSubstr("+20.0%"));
}

TEST(LoadReportFlags, KeepTheComparisonOutOfJson) {
  const TemporaryFile old("baseline", LoadJson(Result({Step(1)})));
  const Reported report = Report(Result({Step(1)}), {{"baseline", old.path()}, {"format", "json"}});
  EXPECT_TRUE(ParseLoadJson(report.out).ok());
  EXPECT_THAT(report.err, HasSubstr("1000.000 ms  1000.000 ms"));
}

TEST(LoadReportFlags, CompareBeforeTheBaselineIsReplaced) {
  const TemporaryFile file("baseline", LoadJson(Result({Step(1)})));
  const Reported report =
      Report(Result({Step(1, {}, 1.2)}), {{"baseline", file.path()}, {"json", file.path()}});
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_THAT(report.out, HasSubstr("+20.0%"));
  EXPECT_EQ(ParseLoadJson(Content(file.path()))->steps[0].latency.Max(),
            std::chrono::milliseconds(1200));
}

TEST(LoadReportFlags, WriteAndPrintAllThatTheyCanBeforeTheyFail) {
  const TemporaryFile old("baseline", LoadJson(Result({Step(2)})));
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/load.json";
  const Reported report = Report(
      Result({Step(1)}), {{"baseline", old.path()}, {"json", path}, {"csv", "/no/such/dir/a.csv"}});
  EXPECT_THAT(std::string(report.status.message()), HasSubstr("/no/such/dir/a.csv could not"));
  EXPECT_THAT(report.out, HasSubstr("from schedule"));
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_THAT(std::string(Report(Result({Step(1)}), {{"baseline", old.path()}}).status.message()),
              HasSubstr("the baseline has other steps"));
}

void ExpectMisuse(const Flags& flags, const std::string& why) {
  const absl::Status status = Check(flags);
  EXPECT_TRUE(IsMisuse(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(why));
}

TEST(LoadReportFlags, AreCheckedBeforeTheTest) {
  EXPECT_TRUE(Check({}).ok());
  ExpectMisuse({{"format", "xml"}}, "--format: 'xml' is not allowed");
  ExpectMisuse({{"html", "/no/such/dir/a.html"}}, "--html: /no/such/dir/a.html cannot be written");
  ExpectMisuse({{"json", "/tmp"}}, "--json: /tmp cannot be written");
  ExpectMisuse({{"fail_if", "p98>1s"}}, "--fail_if: 'p98>1s': no figure is named 'p98'");
  ExpectMisuse({{"fail_if", "p99>+10%"}}, "'p99>+10%' is a change: give --baseline too");
}

TEST(LoadReportFlags, SayWhyABaselineCannotBeRead) {
  const absl::Status missing = Check({{"baseline", "/no/such/file"}});
  EXPECT_EQ(missing.message(), "--baseline: /no/such/file cannot be read");
  EXPECT_EQ(Check({{"baseline", "/tmp"}}).message(), "--baseline: /tmp cannot be read");
  const TemporaryFile text("baseline", "p99 = 5");
  EXPECT_THAT(std::string(Check({{"baseline", text.path()}}).message()),
              HasSubstr(" is not what --json writes: is not JSON"));
  const TemporaryFile empty("baseline", "");
  EXPECT_FALSE(Check({{"baseline", empty.path()}}).ok());
}

}  // namespace
}  // namespace boltzmann::client
