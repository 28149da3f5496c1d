// What people and their tools look at over HTTP: metrics, health, and one page.
#ifndef BOLTZMANN_SERVER_ADMIN_H_
#define BOLTZMANN_SERVER_ADMIN_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace grpc {
class ChannelInterface;
}  // namespace grpc

namespace boltzmann::server {

// What is served. All of it is called on several threads at once.
struct AdminSources {
  std::shared_ptr<grpc::ChannelInterface> channel;  // to the server itself
  std::function<std::string()> metrics;             // in Prometheus' text format
  std::function<bool()> is_alive;                   // calls are being answered
  std::function<bool()> is_ready;                   // new calls are taken
};

// Serves over HTTP, on threads of its own, from construction to destruction:
//
//   GET  /metrics      for Prometheus
//   GET  /healthz      200 while the server lives, else 503: start it anew
//   GET  /readyz       200 while it takes calls, 503 while it drains: send them elsewhere
//
// and to this host alone
//
//   GET  /             the explorer: a page which is part of this program and loads nothing
//   GET  /api/info     GetServerInfo
//   POST /api/sample   Sample, and
//   POST /api/describe Describe: a request in protobuf's JSON, answered so
//   GET  /log_level    the level of the log, and
//   PUT  /log_level    sets it: the body is one of trace, debug, info, warning, error, off
//
// A call that fails is answered with HTTP 400, or 503 if trying again may help, and a
// google.rpc.Status: {"code": 3, "message": ...}. There is no authentication, hence what other hosts
// cannot have. A browser that another site led here is refused: by its Host header, and because
// what is posted must be application/json. At most 2 MB a request, 4 at a time.
class Admin {
 public:
  // Listens on HOST:PORT; port 0 lets the system choose. INVALID_ARGUMENT for another form,
  // UNAVAILABLE if it cannot be bound; both name it.
  static absl::StatusOr<std::unique_ptr<Admin>> Start(const std::string& listen,
                                                      AdminSources sources);

  // Waits for what is being answered.
  ~Admin();

  // Where it listens, with the port that was chosen.
  const std::string& address() const;

 private:
  class Running;
  explicit Admin(std::unique_ptr<Running> running);
  std::unique_ptr<Running> running_;
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_ADMIN_H_
