// A load test beside an earlier one.
#ifndef BOLTZMANN_CLIENT_LOAD_COMPARE_H_
#define BOLTZMANN_CLIENT_LOAD_COMPARE_H_

#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/fail_condition.h"
#include "client/load_result.h"

namespace boltzmann::client {

// A step and the same of the baseline, which is null where there is no baseline. The results that
// they are from must outlive them.
struct StepPair {
  const LoadStep* now;
  const LoadStep* baseline;
};

// The steps that are judged: all, in their order; of a test that looked for the most under an
// objective, the best one. InvalidArgument if the baseline has other steps or another objective, or
// if either found no step that met the objective.
absl::StatusOr<std::vector<StepPair>> PairSteps(const LoadResult& now, const LoadResult* baseline);

// Prints settings that are not the same, then for each figure of each step what it was, what it is
// and by how much it has changed, and beside it the conditions that hold.
void PrintComparison(const LoadResult& now, const LoadResult& baseline,
                     const std::vector<StepPair>& pairs,
                     const std::vector<FailCondition>& conditions, std::ostream& out);

// A line for each condition that holds, and for which step and figure.
std::vector<std::string> HoldingConditions(const std::vector<StepPair>& pairs,
                                           const std::vector<FailCondition>& conditions);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_LOAD_COMPARE_H_
