#include "client/load_report.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "client/load_figures.h"
#include "client/table.h"

namespace boltzmann::client {
namespace {

constexpr char kIndent[] = "  ";
constexpr size_t kLineWidth = 100;

std::string RateCell(double value) { return absl::StrFormat("%.1f", value); }
std::string GigabyteCell(double bytes) { return absl::StrFormat("%.3f", bytes / 1e9); }

std::string TimeCell(const LatencyHistogram& times, LatencyHistogram::Duration time) {
  return times.count() == 0 ? "-" : absl::StrFormat("%.3f", Milliseconds(time));
}

std::string MicrosecondCell(double us) { return absl::StrFormat("%.3f", us / 1e3); }

// "name=value" of every setting that has a value, broken before the line is too long.
void PrintSettings(const LoadResult& result, std::ostream& out) {
  constexpr char kHead[] = "settings  ";
  std::string line = kHead;
  for (const auto& [name, value] : result.settings) {
    if (value.empty()) continue;
    const std::string setting = absl::StrCat(name, "=", value);
    if (line.size() > sizeof(kHead) && line.size() + 1 + setting.size() > kLineWidth) {
      out << line << '\n';
      line = std::string(sizeof(kHead) - 1, ' ');
    }
    absl::StrAppend(&line, line.size() > sizeof(kHead) ? " " : "", setting);
  }
  if (line != kHead) out << line << '\n';
}

void PrintHead(const LoadResult& result, std::ostream& out) {
  out << "server    " << result.target;
  if (!result.server_version.empty()) out << ", version " << result.server_version;
  if (!result.instruction_set.empty()) out << ", " << result.instruction_set;
  out << '\n';
  PrintSettings(result, out);
  if (!result.aborted.empty()) out << "ABORTED   " << result.aborted << '\n';
}

// Lines that each begin with `subject`.
void PrintFaults(const LoadStep& step, const std::string& subject, std::ostream& out) {
  if (!step.errors.empty()) {
    out << subject << "errors: " << ErrorList(step) << "; the first: "
        << absl::StrReplaceAll(step.first_error, {{"\n", absl::StrCat("\n", kIndent, kIndent)}})
        << '\n';
  }
  if (step.wrong_count > 0) {
    out << subject << "WRONG: " << step.wrong_count << " of " << step.verified_count
        << " verified answers were not the same\n";
  } else if (step.verified_count > 0) {
    out << subject << "verified: " << step.verified_count << " answers, all the same\n";
  }
  for (const std::string& warning : step.warnings) {
    out << subject << "warning: " << warning << '\n';
  }
}

Table Rates(const LoadStep& step) {
  Table table({"", "total", "per_second"});
  table.Add({"calls", absl::StrCat(step.call_count), RateCell(CallsPerSecond(step))});
  table.Add({"rows", absl::StrCat(step.row_count), RateCell(RowsPerSecond(step))});
  table.Add({"logits_gb", GigabyteCell(static_cast<double>(step.logit_bytes)),
             GigabyteCell(LogitBytesPerSecond(step))});
  return table;
}

Line Times(const char* name, const LatencyHistogram& times) {
  Line line = {name, TimeCell(times, times.Mean())};
  for (const NamedPercentile& percentile : kPercentiles) {
    line.push_back(TimeCell(times, times.Percentile(percentile.p)));
  }
  line.push_back(TimeCell(times, times.Max()));
  return line;
}

Table Latencies(const LoadStep& step) {
  Line head = {"latency_ms", "mean"};
  for (const NamedPercentile& percentile : kPercentiles) head.push_back(percentile.name);
  head.push_back("max");
  Table table(std::move(head));
  table.Add(Times("from schedule", step.latency));
  table.Add(Times("from send", step.send_latency));
  return table;
}

void PrintStep(const LoadStep& step, std::ostream& out) {
  out << '\n'
      << StepName(step) << (step.rate ? absl::StrCat(", in flight ", step.concurrency) : "")
      << absl::StrFormat(", %.1f s\n", step.seconds);
  Rates(step).Print(out, kIndent);
  out << '\n';
  Latencies(step).Print(out, kIndent);
  out << '\n';
  if (step.server) {
    Table table({"server_ms", "mean"});
    table.Add({"queued", MicrosecondCell(step.server->queued_us)});
    table.Add({"computed", MicrosecondCell(step.server->computed_us)});
    table.Print(out, kIndent);
    out << '\n';
  }
  PrintFaults(step, kIndent, out);
}

Line SweepLine(const LoadStep& step, bool is_best) {
  Line line = {is_best ? "best" : "",          step.rate ? absl::StrCat(*step.rate) : "",
               absl::StrCat(step.concurrency), RateCell(CallsPerSecond(step)),
               RateCell(RowsPerSecond(step)),  GigabyteCell(LogitBytesPerSecond(step))};
  for (const NamedPercentile& percentile : kPercentiles) {
    line.push_back(TimeCell(step.latency, step.latency.Percentile(percentile.p)));
  }
  line.push_back(TimeCell(step.latency, step.latency.Max()));
  line.push_back(TimeCell(step.send_latency, step.send_latency.Percentile(0.99)));
  line.push_back(step.server ? MicrosecondCell(step.server->queued_us) : "");
  line.push_back(step.server ? MicrosecondCell(step.server->computed_us) : "");
  line.push_back(ErrorCount(step) > 0 ? absl::StrCat(ErrorCount(step)) : "");
  return line;
}

void PrintSweep(const LoadResult& result, std::ostream& out) {
  Line head = {"", "rate", "concurrency", "calls/s", "rows/s", "GB/s"};
  for (const NamedPercentile& percentile : kPercentiles) head.push_back(percentile.name);
  for (const char* name : {"max", "send_p99", "queued", "computed", "errors"}) head.push_back(name);
  Table table(std::move(head));
  for (size_t i = 0; i < result.steps.size(); ++i) {
    table.Add(SweepLine(result.steps[i], result.best == i));
  }
  out << "\ntimes in ms; those of the server, queued and computed, are means\n";
  table.Print(out, kIndent);
  out << '\n';
  for (const LoadStep& step : result.steps) PrintFaults(step, StepName(step) + ": ", out);
}

// What --find_max has found.
void PrintBest(const LoadResult& result, std::ostream& out) {
  if (result.objective.empty()) return;
  if (!result.best || *result.best >= result.steps.size()) {
    out << "no step met " << result.objective << '\n';
    return;
  }
  const LoadStep& best = result.steps[*result.best];
  out << absl::StrFormat("the most that met %s: %s, %.1f calls/s\n", result.objective,
                         StepName(best), CallsPerSecond(best));
}

}  // namespace

void PrintLoadReport(const LoadResult& result, std::ostream& out) {
  PrintHead(result, out);
  if (result.steps.size() == 1) PrintStep(result.steps[0], out);
  if (result.steps.size() > 1) PrintSweep(result, out);
  PrintBest(result, out);
}

}  // namespace boltzmann::client
