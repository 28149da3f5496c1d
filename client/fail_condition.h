// The conditions under which a load test fails a pipeline.
#ifndef BOLTZMANN_CLIENT_FAIL_CONDITION_H_
#define BOLTZMANN_CLIENT_FAIL_CONDITION_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/load_figures.h"

namespace boltzmann::client {

// "p99>+10%": the p99 is more than that of the baseline and 10 % of it. "p99>5ms": is more than
// 5 ms, whatever the baseline's.
struct FailCondition {
  std::string text;
  const LoadMetric* metric;
  bool above;     // holds above the limit; else below it
  bool relative;  // to the baseline
  double limit;   // a share of the baseline's figure, 0.1 for +10%, or a figure, times in ms
};

// Reads conditions with commas between: METRIC > or < LIMIT, where a limit is +N% or -N% of the
// baseline's figure, a time with a unit, or for what is no time a number. InvalidArgument, with
// what was wrong and what is allowed.
absl::StatusOr<std::vector<FailCondition>> ParseFailConditions(std::string_view list);

// Whether `condition` holds of a figure. One that is not there, or is to be compared with one that
// is not there, fails: a step in which no call was answered passes no condition.
bool Holds(const FailCondition& condition, std::optional<double> now,
           std::optional<double> baseline);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_FAIL_CONDITION_H_
