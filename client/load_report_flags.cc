#include "client/load_report_flags.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "client/common_flags.h"
#include "client/fail_condition.h"
#include "client/load_compare.h"
#include "client/load_csv.h"
#include "client/load_distribution.h"
#include "client/load_figures.h"
#include "client/load_html.h"
#include "client/load_json.h"
#include "client/load_report.h"

ABSL_FLAG(std::string, csv, "",
          "Write a file with a line for each step and each second of it. Unset writes none.");
ABSL_FLAG(std::string, hgrm, "",
          "Write the latencies' distribution as HdrHistogram's plotters read it, in ms; of a sweep "
          "one file a step, its name with the step's before the extension. Unset writes none.");
ABSL_FLAG(std::string, json, "",
          "Write all that was measured, for programs and for --baseline. Unset writes none.");
ABSL_FLAG(std::string, baseline, "",
          "Compare with an earlier test of the same steps: what --json wrote.");
ABSL_FLAG(std::string, fail_if, "",
          "End with code 1 if one of these holds, such as 'p99>+10%,p99>5ms,errors>0': p50, p90, "
          "p99, p99.9, p99.99, max, mean, calls_per_second, rows_per_second or errors; > or <; a "
          "change to --baseline, a time with a unit, or a number. Of a sweep, in any step.");

namespace boltzmann::client {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<std::vector<FailCondition>> ConditionsFromFlags() {
  const std::string list = absl::GetFlag(FLAGS_fail_if);
  if (list.empty()) return std::vector<FailCondition>{};
  auto conditions = ParseFailConditions(list);
  if (!conditions.ok()) {
    return Misuse("--fail_if: " + std::string(conditions.status().message()));
  }
  for (const FailCondition& condition : *conditions) {
    if (condition.relative && absl::GetFlag(FLAGS_baseline).empty()) {
      return Misuse("--fail_if: '" + condition.text + "' is a change: give --baseline too");
    }
  }
  return conditions;
}

// Nothing if the flag is not given.
absl::StatusOr<std::optional<LoadResult>> BaselineFromFlags() {
  const std::string path = absl::GetFlag(FLAGS_baseline);
  if (path.empty()) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  // A directory opens, but gives nothing.
  if (!file || !(text << file.rdbuf())) {
    return absl::NotFoundError(absl::StrCat("--baseline: ", path, " cannot be read"));
  }
  absl::StatusOr<LoadResult> baseline = ParseLoadJson(text.str());
  if (!baseline.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--baseline: ", path, " is not what --json ",
                                                   "writes: ", baseline.status().message()));
  }
  return *std::move(baseline);
}

absl::Status CheckOutput(const char* flag, const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  const fs::path directory = fs::path(path).parent_path();
  std::error_code error;
  if (fs::is_directory(path, error) ||
      !fs::is_directory(directory.empty() ? "." : directory, error)) {
    return Misuse(absl::StrCat("--", flag, ": ", path, " cannot be written: it is a directory, or ",
                               "its own is not there"));
  }
  return absl::OkStatus();
}

absl::Status WriteFile(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  if (file << content && file.flush()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(path, " could not be written"));
}

// "load.hgrm" for a single step, "load-2-rate-2000.hgrm" for the second of several.
std::string StepPath(const std::string& path, const LoadResult& result, size_t i) {
  if (result.steps.size() == 1) return path;
  fs::path step_path(path);
  const std::string extension = step_path.extension().string();
  step_path.replace_extension();
  return absl::StrCat(step_path.string(), "-", i + 1, "-",
                      absl::StrReplaceAll(StepName(result.steps[i]), {{" ", "-"}}), extension);
}

// The files by path, each with its content.
std::vector<std::pair<std::string, std::string>> FilesFromFlags(const LoadResult& result) {
  std::vector<std::pair<std::string, std::string>> files;
  if (const std::string path = absl::GetFlag(FLAGS_csv); !path.empty()) {
    std::ostringstream csv;
    WriteLoadCsv(result, csv);
    files.emplace_back(path, csv.str());
  }
  if (const std::string path = absl::GetFlag(FLAGS_hgrm); !path.empty()) {
    for (size_t i = 0; i < result.steps.size(); ++i) {
      std::ostringstream hgrm;
      WriteHgrm(result.steps[i].latency, hgrm);
      files.emplace_back(StepPath(path, result, i), hgrm.str());
    }
  }
  if (const std::string path = HtmlFileFromFlags(); !path.empty()) {
    files.emplace_back(path, LoadHtml(result));
  }
  if (const std::string path = absl::GetFlag(FLAGS_json); !path.empty()) {
    files.emplace_back(path, LoadJson(result));
  }
  return files;
}

absl::Status Judge(const LoadResult& result, const std::optional<LoadResult>& baseline,
                   const std::vector<FailCondition>& conditions, std::ostream& out) {
  if (!baseline && conditions.empty()) return absl::OkStatus();
  const auto pairs = PairSteps(result, baseline ? &*baseline : nullptr);
  if (!pairs.ok()) return pairs.status();
  if (baseline) {
    out << '\n';
    PrintComparison(result, *baseline, *pairs, conditions, out);
  }
  const std::vector<std::string> holding = HoldingConditions(*pairs, conditions);
  if (holding.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("--fail_if:\n  ", absl::StrJoin(holding, "\n  ")));
}

}  // namespace

std::vector<std::string_view> LoadReportFlags() {
  return Joined({{"csv", "hgrm", "html", "json", "baseline", "fail_if"}, FormatFlags()});
}

absl::Status CheckLoadReportFlags() {
  if (const auto json = JsonFromFlags(); !json.ok()) return json.status();
  const std::pair<const char*, std::string> outputs[] = {{"csv", absl::GetFlag(FLAGS_csv)},
                                                         {"hgrm", absl::GetFlag(FLAGS_hgrm)},
                                                         {"html", HtmlFileFromFlags()},
                                                         {"json", absl::GetFlag(FLAGS_json)}};
  for (const auto& [flag, path] : outputs) {
    if (absl::Status status = CheckOutput(flag, path); !status.ok()) return status;
  }
  if (const auto conditions = ConditionsFromFlags(); !conditions.ok()) return conditions.status();
  return BaselineFromFlags().status();
}

absl::Status ReportLoad(const LoadResult& result, Console& console) {
  const absl::StatusOr<bool> json = JsonFromFlags();
  if (!json.ok()) return json.status();
  // Before the files are written: --json may name the baseline's.
  const auto baseline = BaselineFromFlags();
  if (*json) {
    console.out << LoadJson(result);
  } else {
    PrintLoadReport(result, console.out);
  }
  absl::Status status;
  for (const auto& [path, content] : FilesFromFlags(result))
    status.Update(WriteFile(path, content));
  const auto conditions = ConditionsFromFlags();
  if (!baseline.ok() || !conditions.ok()) {
    status.Update(conditions.status());
    status.Update(baseline.status());
    return status;
  }
  const absl::Status judgement =
      Judge(result, *baseline, *conditions, *json ? console.err : console.out);
  status.Update(judgement);
  return status;
}

}  // namespace boltzmann::client
