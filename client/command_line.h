// The command line of `boltzmann`: flags, help, dispatch.
#ifndef BOLTZMANN_CLIENT_COMMAND_LINE_H_
#define BOLTZMANN_CLIENT_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "client/command.h"

namespace boltzmann::client {

// Runs `boltzmann` with `arguments`, the program's name not among them, and returns its exit code:
// 0 done; 1 the command failed; 2 the command line is wrong. Errors are printed to console.err.
//
// Flags are `--name value` or `--name=value`, for switches `--name` or `--noname`, anywhere on the
// line until a `--`. An unknown flag, one that the command does not take, one given twice and one
// without a value are refused. Absl's own parser would end the process with code 1 and take flags
// of other commands in silence; so only its registry is used, not the parser.
//
// Sets flags, which keep their values, so it is for one command line a process (or a test that
// resets them). Not thread-safe.
int RunBoltzmann(const std::vector<std::string>& arguments, Console& console);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_COMMAND_LINE_H_
