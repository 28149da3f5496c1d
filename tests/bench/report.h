// The tables that a run ends with.
#ifndef BOLTZMANN_TESTS_BENCH_REPORT_H_
#define BOLTZMANN_TESTS_BENCH_REPORT_H_

#include <string>

#include "tests/bench/measurements.h"

namespace boltzmann::bench {

// Every figure beside the floor of the same run and, where there is one, its target. What was
// not measured shows as "-". `processors` is how many workers the most parallel run had.
std::string Report(const Measurements& measured, int processors);

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_REPORT_H_
