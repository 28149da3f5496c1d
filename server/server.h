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
#include "server/access.h"
#include "server/limits.h"
#include "server/regions.h"
#include "server/tls.h"

namespace grpc {
class Channel;
}

namespace boltzmann::server {

struct ServerOptions {
  // Where to listen: HOST:PORT, where port 0 lets the system choose one, or unix:PATH.
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

  // TLS on HOST:PORT addresses. Unix sockets have none: their permissions say who may connect.
  TlsOptions tls = TlsOptions();

  // Who may call, of those who can connect.
  AccessOptions access = AccessOptions();

  // Whether HOST:PORT addresses that other hosts can reach may be listened on although anybody there
  // could call, or could read what is sent: without TLS, or with neither callers' certificates nor
  // tokens.
  bool allow_insecure = false;

  // HOST:PORT for metrics, health and the explorer (see admin.h), where port 0 lets the system
  // choose. Empty: none.
  std::string admin_listen = "";

  // HOST:PORT on which grpc.health.v1 is served without TLS, and nothing else: for probes that
  // speak none, such as Kubernetes'. Port 0 lets the system choose. Empty: none.
  std::string health_listen = "";
};

// Serves SamplerService and RegionService, and gRPC's own health; to callers who need no leave, also
// gRPC's own reflection and channelz, which cannot ask for one. Thread-safe.
class Server {
 public:
  // Starts and returns once every address is bound. INVALID_ARGUMENT, naming it, for an option that
  // cannot be used: an address of no known form, a file or a directory; FAILED_PRECONDITION if an
  // address is not as secure as it must be; UNAVAILABLE, naming it, for one that cannot be bound.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options);

  // Ends calls that still run with CANCELLED.
  ~Server();

  // Where it listens, in the order asked for, with the ports that were chosen.
  const std::vector<std::string>& addresses() const;

  // Where admin_listen and health_listen are listened on; empty if they are not.
  std::string admin_address() const;
  std::string health_address() const;

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
