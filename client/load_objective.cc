#include "client/load_objective.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"

namespace boltzmann::client {
namespace {

absl::Status Bad(std::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(
      "'", std::string(text),
      "' is no objective: write p50, p90, p99, p99.9, p99.99, max or mean, then < and a "
      "time with its unit, such as p99<5ms"));
}

absl::StatusOr<Objective> ParseObjective(std::string_view text) {
  const std::vector<std::string> sides = absl::StrSplit(std::string(text), '<');
  if (sides.size() != 2) return Bad(text);
  const LoadMetric* metric = FindLoadMetric(std::string(absl::StripAsciiWhitespace(sides[0])));
  absl::Duration limit;
  if (metric == nullptr || !metric->is_time ||
      !absl::ParseDuration(absl::StripAsciiWhitespace(sides[1]), &limit) ||
      limit <= absl::ZeroDuration() || limit == absl::InfiniteDuration()) {
    return Bad(text);
  }
  return Objective{metric, absl::ToDoubleMilliseconds(limit)};
}

}  // namespace

absl::StatusOr<std::vector<Objective>> ParseObjectives(std::string_view text) {
  std::vector<Objective> objectives;
  for (const std::string& part : std::vector<std::string>(absl::StrSplit(std::string(text), ','))) {
    const auto objective = ParseObjective(part);
    if (!objective.ok()) return objective.status();
    objectives.push_back(*objective);
  }
  return objectives;
}

bool Meets(const LoadStep& step, const std::vector<Objective>& objectives) {
  if (step.call_count == 0 || ErrorCount(step) > 0 || step.wrong_count > 0) return false;
  return std::all_of(objectives.begin(), objectives.end(), [&step](const Objective& objective) {
    const std::optional<double> value = objective.metric->value(step);
    return value && *value < objective.limit_ms;
  });
}

}  // namespace boltzmann::client
