#include "client/load_compare.h"

#include <cmath>
#include <cstddef>
#include <optional>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/load_figures.h"
#include "client/table.h"

namespace boltzmann::client {
namespace {

// Flags that say where the test's reports go: they change no figure.
const std::set<std::string> kNotCompared = {"baseline", "csv",  "fail_if", "format",
                                            "hgrm",     "html", "json"};

std::string StepNames(const std::vector<const LoadStep*>& steps) {
  std::string names;
  for (const LoadStep* step : steps) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", StepName(*step));
  }
  return names.empty() ? "none" : names;
}

// Of `whose` test.
absl::StatusOr<std::vector<const LoadStep*>> JudgedSteps(const LoadResult& result,
                                                         const char* whose) {
  if (!result.objective.empty()) {
    if (result.best && *result.best < result.steps.size()) {
      return std::vector<const LoadStep*>{&result.steps[*result.best]};
    }
    return absl::InvalidArgumentError(
        absl::StrCat(whose, " has no step that met ", result.objective));
  }
  std::vector<const LoadStep*> steps;
  for (const LoadStep& step : result.steps) steps.push_back(&step);
  return steps;
}

std::optional<double> Value(const LoadMetric& metric, const LoadStep* step) {
  return step == nullptr ? std::nullopt : metric.value(*step);
}

std::string ChangeCell(std::optional<double> now, std::optional<double> baseline) {
  if (!now || !baseline || (*baseline == 0 && *now != 0)) return "-";
  const double percent = *now == *baseline ? 0 : (*now / *baseline - 1) * 100;
  return std::abs(percent) < 0.05 ? "0.0%" : absl::StrFormat("%+.1f%%", percent);
}

bool HoldsOf(const FailCondition& condition, const StepPair& pair) {
  return Holds(condition, condition.metric->value(*pair.now),
               Value(*condition.metric, pair.baseline));
}

void AddSetting(const std::string& name, const LoadResult& now, const LoadResult& baseline,
                Table& table) {
  const auto text = [&name](const LoadResult& result) {
    const auto found = result.settings.find(name);
    return found == result.settings.end() || found->second.empty() ? "unset" : found->second;
  };
  if (text(now) != text(baseline)) table.Add({name, text(baseline), text(now)});
}

void PrintOtherSettings(const LoadResult& now, const LoadResult& baseline, std::ostream& out) {
  std::set<std::string> names;
  for (const auto& [name, value] : now.settings) names.insert(name);
  for (const auto& [name, value] : baseline.settings) names.insert(name);
  Table table({"other_setting", "baseline", "now"});
  for (const std::string& name : names) {
    if (!kNotCompared.contains(name)) AddSetting(name, now, baseline, table);
  }
  if (table.IsEmpty()) return;
  table.Print(out);
  out << '\n';
}

}  // namespace

absl::StatusOr<std::vector<StepPair>> PairSteps(const LoadResult& now, const LoadResult* baseline) {
  const auto steps = JudgedSteps(now, "this test");
  if (!steps.ok()) return steps.status();
  std::vector<StepPair> pairs;
  for (const LoadStep* step : *steps) pairs.push_back({step, nullptr});
  if (baseline == nullptr) return pairs;
  if (baseline->objective != now.objective) {
    return absl::InvalidArgumentError(absl::StrCat("the baseline has another objective, '",
                                                   baseline->objective, "' and not '",
                                                   now.objective, "'"));
  }
  const auto old_steps = JudgedSteps(*baseline, "the baseline");
  if (!old_steps.ok()) return old_steps.status();
  bool same = old_steps->size() == pairs.size();
  for (size_t i = 0; same && i < pairs.size(); ++i) {
    pairs[i].baseline = (*old_steps)[i];
    same = !now.objective.empty() || StepName(*pairs[i].baseline) == StepName(*pairs[i].now);
  }
  if (same) return pairs;
  return absl::InvalidArgumentError(absl::StrCat(
      "the baseline has other steps, ", StepNames(*old_steps), " and not ", StepNames(*steps)));
}

void PrintComparison(const LoadResult& now, const LoadResult& baseline,
                     const std::vector<StepPair>& pairs,
                     const std::vector<FailCondition>& conditions, std::ostream& out) {
  PrintOtherSettings(now, baseline, out);
  Table table({"step", "figure", "baseline", "now", "change", "holds"});
  for (const StepPair& pair : pairs) {
    for (const LoadMetric& metric : LoadMetrics()) {
      std::string holding;
      for (const FailCondition& condition : conditions) {
        if (condition.metric != &metric || !HoldsOf(condition, pair)) continue;
        absl::StrAppend(&holding, holding.empty() ? "" : ",", condition.text);
      }
      const std::optional<double> old_value = Value(metric, pair.baseline);
      const std::optional<double> value = metric.value(*pair.now);
      table.Add({StepName(*pair.now), metric.name, MetricCell(metric, old_value),
                 MetricCell(metric, value), ChangeCell(value, old_value), holding});
    }
  }
  table.Print(out);
}

std::vector<std::string> HoldingConditions(const std::vector<StepPair>& pairs,
                                           const std::vector<FailCondition>& conditions) {
  std::vector<std::string> lines;
  for (const StepPair& pair : pairs) {
    for (const FailCondition& condition : conditions) {
      if (!HoldsOf(condition, pair)) continue;
      const LoadMetric& metric = *condition.metric;
      std::string line = absl::StrCat(StepName(*pair.now), ": ", condition.text, ": ",
                                      MetricCell(metric, metric.value(*pair.now)));
      if (pair.baseline != nullptr) {
        absl::StrAppend(&line, ", ", MetricCell(metric, metric.value(*pair.baseline)),
                        " in the baseline");
      }
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

}  // namespace boltzmann::client
