#include "client/load_figures.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace boltzmann::client {
namespace {

double PerSecond(double amount, const LoadStep& step) {
  return step.seconds > 0 ? amount / step.seconds : 0;
}

std::optional<double> TimeOf(const LoadStep& step, LatencyHistogram::Duration time) {
  if (step.latency.count() == 0) return std::nullopt;
  return Milliseconds(time);
}

template <int kIndex>
std::optional<double> PercentileOf(const LoadStep& step) {
  return TimeOf(step, step.latency.Percentile(kPercentiles[kIndex].p));
}

}  // namespace

double Milliseconds(LatencyHistogram::Duration time) {
  return static_cast<double>(time.count()) / 1e6;
}

double CallsPerSecond(const LoadStep& step) {
  return PerSecond(static_cast<double>(step.call_count), step);
}

double RowsPerSecond(const LoadStep& step) {
  return PerSecond(static_cast<double>(step.row_count), step);
}

double LogitBytesPerSecond(const LoadStep& step) {
  return PerSecond(static_cast<double>(step.logit_bytes), step);
}

uint64_t ErrorCount(const LoadStep& step) {
  uint64_t count = 0;
  for (const auto& [code, code_count] : step.errors) count += code_count;
  return count;
}

std::string ErrorList(const LoadStep& step) {
  std::string list;
  for (const auto& [code, count] : step.errors) {
    absl::StrAppend(&list, list.empty() ? "" : ", ", count, " ", code);
  }
  return list;
}

std::string StepName(const LoadStep& step) {
  return step.rate ? absl::StrCat("rate ", *step.rate)
                   : absl::StrCat("concurrency ", step.concurrency);
}

const std::vector<LoadMetric>& LoadMetrics() {
  using Step = const LoadStep&;
  static const std::vector<LoadMetric> metrics = {
      {"p50", true, PercentileOf<0>},
      {"p90", true, PercentileOf<1>},
      {"p99", true, PercentileOf<2>},
      {"p99.9", true, PercentileOf<3>},
      {"p99.99", true, PercentileOf<4>},
      {"max", true, [](Step step) { return TimeOf(step, step.latency.Max()); }},
      {"mean", true, [](Step step) { return TimeOf(step, step.latency.Mean()); }},
      {"calls_per_second", false,
       [](Step step) { return std::optional<double>(CallsPerSecond(step)); }},
      {"rows_per_second", false,
       [](Step step) { return std::optional<double>(RowsPerSecond(step)); }},
      {"errors", false,
       [](Step step) { return std::optional<double>(static_cast<double>(ErrorCount(step))); }},
  };
  return metrics;
}

const LoadMetric* FindLoadMetric(std::string_view name) {
  for (const LoadMetric& metric : LoadMetrics()) {
    if (metric.name == name) return &metric;
  }
  return nullptr;
}

std::string MetricCell(const LoadMetric& metric, std::optional<double> value) {
  if (!value) return "none";
  return metric.is_time ? absl::StrFormat("%.3f ms", *value) : absl::StrFormat("%.10g", *value);
}

}  // namespace boltzmann::client
