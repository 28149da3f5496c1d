// What a figure was measured on.
#ifndef BOLTZMANN_TESTS_BENCH_MACHINE_H_
#define BOLTZMANN_TESTS_BENCH_MACHINE_H_

#include <string>

namespace boltzmann::bench {

std::string ProcessorName();

// Processors that this process may use.
int ProcessorCount();

// Name and version.
std::string CompilerName();

// The revision of the source when the build was configured, with a + if it had been changed;
// "unknown" where there is no git.
std::string Revision();

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_MACHINE_H_
