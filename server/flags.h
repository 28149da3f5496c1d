// The flags of boltzmann-server.
#ifndef BOLTZMANN_SERVER_FLAGS_H_
#define BOLTZMANN_SERVER_FLAGS_H_

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "server/server.h"

namespace boltzmann::server {

// What the command line, the environment and flag files ask for.
struct Flags {
  ServerOptions server;
  std::chrono::milliseconds drain_timeout{0};
  std::string log_level;
  std::string log_format;
};

// Reads the flags: --name=value, --flagfile=FILE, and for each flag the environment
// variable BOLTZMANN_NAME, which the command line overrides. --listen adds up. Ends the
// process with a message for --help, --version and flags that are unknown or no value
// of their type; INVALID_ARGUMENT, naming it, for one outside its range.
absl::StatusOr<Flags> ReadFlags(int argc, char** argv);

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_FLAGS_H_
