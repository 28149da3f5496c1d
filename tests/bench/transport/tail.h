// The slowest calls: after a pause, and one after the other for long.
#ifndef BOLTZMANN_TESTS_BENCH_TRANSPORT_TAIL_H_
#define BOLTZMANN_TESTS_BENCH_TRANSPORT_TAIL_H_

#include <chrono>
#include <string>
#include <vector>

#include "tests/bench/transport/workload.h"

namespace boltzmann::bench {

// What was measured of calls of one row.
struct Tail {
  std::string name;
  std::vector<double> us;
};

// Calls after random pauses of 0 to 2 seconds, for as long as `duration`. Each kind of call has
// servers of its own, so that between calls each of them is idle.
std::vector<Tail> MeasureAfterPauses(const Workload& sparse, const Workload& dense,
                                     std::chrono::seconds duration);

// `count` calls of each kind one after the other, by turns.
std::vector<Tail> MeasureBackToBack(const Workload& sparse, const Workload& dense, int count);

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_TRANSPORT_TAIL_H_
