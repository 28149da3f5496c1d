// What verifying drafted tokens costs.
#ifndef BOLTZMANN_TESTS_BENCH_VERIFY_TRIAL_H_
#define BOLTZMANN_TESTS_BENCH_VERIFY_TRIAL_H_

#include <vector>

#include "tests/bench/trials.h"

namespace boltzmann::bench {

// Sequences of 4 tokens drafted with certainty, at temperature .7 with top-p .9: all accepted, and
// the first rejected; and sampling as many rows as are looked at. Each is a figure a sequence.
void AddVerifyTrials(std::vector<NamedTrial>& trials);

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_VERIFY_TRIAL_H_
