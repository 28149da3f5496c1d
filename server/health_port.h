// A port for probes.
#ifndef BOLTZMANN_SERVER_HEALTH_PORT_H_
#define BOLTZMANN_SERVER_HEALTH_PORT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace grpc {
class Server;
}  // namespace grpc

namespace boltzmann::server {

// Sets what grpc.health.v1 says of `server` and its SamplerService. A server that stopped serving
// does not start again.
void SetHealth(grpc::Server& server, bool serving);

// Serves grpc.health.v1 alone, without TLS and to anybody, from construction to destruction. It
// tells no more than whether the server takes calls. Thread-safe.
class HealthPort {
 public:
  // Listens on HOST:PORT; port 0 lets the system choose. `max_connections` is how many connections
  // others may have: a few more than these are taken here, so that probes come through when callers
  // take all of theirs. INVALID_ARGUMENT for another form, UNAVAILABLE if it cannot be bound; both
  // name it.
  static absl::StatusOr<std::unique_ptr<HealthPort>> Start(const std::string& listen,
                                                           uint32_t max_connections);

  ~HealthPort();

  // Where it listens, with the port that was chosen.
  const std::string& address() const;

  void SetServing(bool serving);

 private:
  class Running;
  explicit HealthPort(std::unique_ptr<Running> running);
  const std::unique_ptr<Running> running_;
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_HEALTH_PORT_H_
