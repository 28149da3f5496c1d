// A running Boltzmann server, as a value one starts.
#ifndef BOLTZMANN_SERVER_SERVER_H_
#define BOLTZMANN_SERVER_SERVER_H_

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/engine.h"
#include "core/instruction_set.h"
#include "server/limits.h"
#include "server/regions.h"

namespace grpc {
class Channel;
}

namespace boltzmann::server {

struct ServerOptions {
  // Where to listen: HOST:PORT, where port 0 lets the system choose one, or unix:PATH.
  // Anybody who can reach an address can call: stay on loopback, or on a socket in a
  // directory of your own, unless the network is yours.
  std::vector<std::string> listen = {"127.0.0.1:50051"};

  // Permissions of Unix sockets. To connect, a user must be allowed to write.
  int unix_socket_mode = 0755;

  // Threads that compute. 0 means one for each processor.
  int worker_count = 0;

  // How long a worker without work stays awake.
  std::chrono::microseconds worker_spin = core::EngineOptions().spin;

  // What rows are computed with: one that this machine supports. All give the same bits.
  core::InstructionSet instruction_set = core::SupportedInstructionSets().front();

  Limits limits = {};

  // Memory that callers share. Off unless `shared_memory.directory` is set.
  RegionOptions shared_memory = RegionOptions();

  // HOST:PORT for the explorer (see admin.h), where port 0 lets the system choose. Empty: none.
  // Anybody who can reach it can call: stay on loopback.
  std::string admin_listen = "";
};

// Serves SamplerService, and gRPC's own health, reflection and channelz. Thread-safe.
class Server {
 public:
  // Starts and returns once every address is bound. INVALID_ARGUMENT for an address of
  // no known form, or a directory for shared memory that cannot be used; UNAVAILABLE, naming it,
  // for an address that cannot be bound. Of the explorer likewise.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options);

  // Ends calls that still run with CANCELLED.
  ~Server();

  // Where it listens, in the order asked for, with the ports that were chosen.
  const std::vector<std::string>& addresses() const;

  // Where the explorer listens; empty if it does not.
  std::string admin_address() const;

  int worker_count() const;
  core::InstructionSet instruction_set() const;

  // Health turns NOT_SERVING, new calls are answered UNAVAILABLE, and those that run may
  // finish until `timeout` has passed; what then still runs is cancelled. Nothing is
  // served afterwards. OK if no call was cut off, else DEADLINE_EXCEEDED.
  // Call it once.
  absl::Status Drain(std::chrono::milliseconds timeout);

  // A channel to this server that needs no address.
  std::shared_ptr<grpc::Channel> TEST_InProcessChannel();

 private:
  class Running;
  explicit Server(std::unique_ptr<Running> running);
  std::unique_ptr<Running> running_;
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_SERVER_H_
