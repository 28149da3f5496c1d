// What a server says that became of its calls.
#ifndef BOLTZMANN_TESTS_COUNTERS_H_
#define BOLTZMANN_TESTS_COUNTERS_H_

#include <cstdint>

#include "boltzmann/v1/sampler.pb.h"

namespace boltzmann::test {

// The calls that have ended, in whatever way: those that were begun, once all have.
inline uint64_t EndedOf(const v1::Counters& counters) {
  return counters.answered_count() + counters.invalid_count() + counters.pushed_back_count() +
         counters.expired_count() + counters.cancelled_count() + counters.unavailable_count();
}

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_COUNTERS_H_
