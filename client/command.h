// What a subcommand of `boltzmann` is.
#ifndef BOLTZMANN_CLIENT_COMMAND_H_
#define BOLTZMANN_CLIENT_COMMAND_H_

#include <istream>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace boltzmann::client {

// Where a command reads and prints. Results go to `out`, errors and remarks to `err`.
struct Console {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
};

struct Command {
  std::string_view name;
  // What it does, in one line.
  std::string_view summary;
  // What follows `boltzmann` on its command line, shortest form, as in "info".
  std::string_view synopsis;
  // Whole command lines, one a line, with a remark or two where they help.
  std::string_view examples;
  // The flags it takes; any other is refused before it runs.
  std::vector<std::string_view> flags;
  // Runs the command with what was neither flag nor command on its line; the flags are in absl's
  // registry. An error's message is what the user reads.
  absl::Status (*run)(const std::vector<std::string>& arguments, Console& console);
};

const Command& SampleCommand();
const Command& DescribeCommand();
const Command& ScoreCommand();
const Command& GenerateCommand();
const Command& LoadCommand();
const Command& InfoCommand();

// The error of a command line that cannot be run as it stands: exit code 2 instead of 1.
absl::Status Misuse(std::string_view message);
bool IsMisuse(const absl::Status& status);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_COMMAND_H_
