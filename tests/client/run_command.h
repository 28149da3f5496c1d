// Runs the `boltzmann` command inside the test.
#ifndef BOLTZMANN_TESTS_CLIENT_RUN_COMMAND_H_
#define BOLTZMANN_TESTS_CLIENT_RUN_COMMAND_H_

#include <sstream>
#include <string>
#include <vector>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/reflection.h"
#include "client/command_line.h"

namespace boltzmann::test {

struct CommandResult {
  int exit_code;
  std::string out;
  std::string err;
};

// As in a program that has just been started: every flag is at its default first.
inline void ResetFlags() {
  std::string error;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    flag->ParseFrom(flag->DefaultValue(), &error);
  }
}

inline CommandResult RunCommand(const std::vector<std::string>& arguments,
                                const std::string& standard_input = "") {
  ResetFlags();
  std::istringstream in(standard_input);
  std::ostringstream out;
  std::ostringstream err;
  client::Console console{in, out, err};
  const int exit_code = client::RunBoltzmann(arguments, console);
  return {exit_code, out.str(), err.str()};
}

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CLIENT_RUN_COMMAND_H_
