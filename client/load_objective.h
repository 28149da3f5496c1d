// What a load test is to keep to: --slo.
#ifndef BOLTZMANN_CLIENT_LOAD_OBJECTIVE_H_
#define BOLTZMANN_CLIENT_LOAD_OBJECTIVE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/load_figures.h"
#include "client/load_result.h"

namespace boltzmann::client {

// A time of calls that stays below a limit.
struct Objective {
  const LoadMetric* metric;
  double limit_ms;
};

// Reads "p99<5ms,max<100ms": the times of load_figures.h, each with a limit above 0 that has a
// unit. INVALID_ARGUMENT, with what is wrong and what is allowed.
absl::StatusOr<std::vector<Objective>> ParseObjectives(std::string_view text);

// Whether a step was answered without an error and kept to all of them.
bool Meets(const LoadStep& step, const std::vector<Objective>& objectives);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_LOAD_OBJECTIVE_H_
