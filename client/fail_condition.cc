#include "client/fail_condition.h"

#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "client/printable.h"

namespace boltzmann::client {
namespace {

absl::Status Refused(const FailCondition& condition, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("'", Printable(condition.text), "': ", why));
}

std::string MetricNames() {
  std::string names;
  for (const LoadMetric& metric : LoadMetrics()) absl::StrAppend(&names, " ", metric.name);
  return names;
}

// Digits and a point, so that no sign, exponent, nan or inf gets through.
std::optional<double> PlainNumber(absl::string_view text) {
  double number = 0;
  if (text.find_first_not_of("0123456789.") != text.npos) return std::nullopt;
  if (!absl::SimpleAtod(text, &number) || !std::isfinite(number)) return std::nullopt;
  return number;
}

absl::Status SetRelativeLimit(absl::string_view text, FailCondition& condition) {
  const std::optional<double> percent = PlainNumber(text.substr(1, text.size() - 2));
  if (!percent || (text[0] == '-' && *percent > 100)) {
    return Refused(condition, absl::StrCat("'", Printable({text.data(), text.size()}),
                                           "' is no change: give one such as +10% or -5%"));
  }
  condition.relative = true;
  condition.limit = (text[0] == '-' ? -*percent : *percent) / 100;
  return absl::OkStatus();
}

absl::Status SetTimeLimit(absl::string_view text, FailCondition& condition) {
  absl::Duration time;
  if (!absl::ParseDuration(text, &time) || time < absl::ZeroDuration() ||
      time == absl::InfiniteDuration()) {
    return Refused(condition, absl::StrCat("'", Printable({text.data(), text.size()}),
                                           "' is no time: give one with its unit, such as 5ms, or "
                                           "a change such as +10%"));
  }
  condition.limit = absl::ToDoubleMilliseconds(time);
  return absl::OkStatus();
}

absl::Status SetLimit(absl::string_view text, FailCondition& condition) {
  if (!text.empty() && (text[0] == '+' || text[0] == '-') && absl::EndsWith(text, "%")) {
    return SetRelativeLimit(text, condition);
  }
  if (condition.metric->is_time) return SetTimeLimit(text, condition);
  const std::optional<double> number = PlainNumber(text);
  if (!number) {
    return Refused(condition, absl::StrCat("'", Printable({text.data(), text.size()}),
                                           "' is no number: give one such as 1000, or a change "
                                           "such as -5%"));
  }
  condition.limit = *number;
  return absl::OkStatus();
}

absl::StatusOr<FailCondition> ParseFailCondition(absl::string_view text) {
  FailCondition condition = {std::string(text), nullptr, false, false, 0};
  const size_t at = text.find_first_of("<>");
  if (at == text.npos) {
    return Refused(condition, "there is no > or <: give a condition such as p99>+10%");
  }
  const absl::string_view name = absl::StripAsciiWhitespace(text.substr(0, at));
  condition.metric = FindLoadMetric({name.data(), name.size()});
  condition.above = text[at] == '>';
  if (condition.metric == nullptr) {
    return Refused(condition,
                   absl::StrCat("no figure is named '", Printable({name.data(), name.size()}),
                                "': give one of", MetricNames()));
  }
  const absl::Status status = SetLimit(absl::StripAsciiWhitespace(text.substr(at + 1)), condition);
  if (!status.ok()) return status;
  return condition;
}

}  // namespace

absl::StatusOr<std::vector<FailCondition>> ParseFailConditions(std::string_view list) {
  std::vector<FailCondition> conditions;
  for (const absl::string_view text :
       absl::StrSplit(absl::string_view(list.data(), list.size()), ',')) {
    absl::StatusOr<FailCondition> condition = ParseFailCondition(absl::StripAsciiWhitespace(text));
    if (!condition.ok()) return condition.status();
    conditions.push_back(*std::move(condition));
  }
  return conditions;
}

bool Holds(const FailCondition& condition, std::optional<double> now,
           std::optional<double> baseline) {
  if (!now || (condition.relative && !baseline)) return true;
  const double limit = condition.relative ? *baseline * (1 + condition.limit) : condition.limit;
  return condition.above ? *now > limit : *now < limit;
}

}  // namespace boltzmann::client
