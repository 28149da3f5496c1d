// The server's log: lines of text on standard error.
#ifndef BOLTZMANN_SERVER_LOG_H_
#define BOLTZMANN_SERVER_LOG_H_

#include <string>

#include "absl/status/status.h"

namespace boltzmann::server {

// Sets up the process's log, and sends gRPC's and protobuf's own errors to it. Call once, before
// any server starts. `level` is one of trace, debug, info, warning, error, off; anything else is
// INVALID_ARGUMENT.
absl::Status StartLog(const std::string& level);

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_LOG_H_
