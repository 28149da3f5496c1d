// What people read off a load test: the figures of a step, by name.
#ifndef BOLTZMANN_CLIENT_LOAD_FIGURES_H_
#define BOLTZMANN_CLIENT_LOAD_FIGURES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/load_result.h"

namespace boltzmann::client {

// The percentiles that every report has.
struct NamedPercentile {
  const char* name;
  double p;
};
inline constexpr NamedPercentile kPercentiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}};

double Milliseconds(LatencyHistogram::Duration time);

// 0 for a step that took no time.
double CallsPerSecond(const LoadStep& step);
double RowsPerSecond(const LoadStep& step);
double LogitBytesPerSecond(const LoadStep& step);

uint64_t ErrorCount(const LoadStep& step);

// "12 UNAVAILABLE, 3 DEADLINE_EXCEEDED"; empty without errors.
std::string ErrorList(const LoadStep& step);

// What tells a step from the others of its test: "concurrency 8" of a closed loop, "rate 2000" of
// an open one.
std::string StepName(const LoadStep& step);

// A figure that a baseline has too, and that a condition of --fail_if may be about.
struct LoadMetric {
  const char* name;
  bool is_time;  // in ms
  // Nothing if no call was answered and so no time is known.
  std::optional<double> (*value)(const LoadStep& step);
};

// p50 p90 p99 p99.9 p99.99 max mean calls_per_second rows_per_second errors.
const std::vector<LoadMetric>& LoadMetrics();

// Null if none has that name.
const LoadMetric* FindLoadMetric(std::string_view name);

// With the unit, such as "1.234 ms"; "none" for nothing.
std::string MetricCell(const LoadMetric& metric, std::optional<double> value);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_LOAD_FIGURES_H_
