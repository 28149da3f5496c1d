// A caller of the soak test: a process that calls in every way there is, and checks each answer.
#ifndef BOLTZMANN_TESTS_SOAK_CALLER_H_
#define BOLTZMANN_TESTS_SOAK_CALLER_H_

#include <cstdint>
#include <string>
#include <vector>

namespace boltzmann::test {

struct CallerOptions {
  uint32_t seed = 0;
  std::vector<std::string> targets;  // of the server, to choose from
  std::string directory;             // for shared memory
};

// Calls until SIGTERM arrives, or something is wrong. The exit status: 0, or 1 with what was wrong
// on standard error. It may be killed at any moment.
int RunCaller(const CallerOptions& options);

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_SOAK_CALLER_H_
