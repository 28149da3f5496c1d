// What people look at in a browser: one page, and the service behind it.
#ifndef BOLTZMANN_SERVER_ADMIN_H_
#define BOLTZMANN_SERVER_ADMIN_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace grpc {
class ChannelInterface;
}  // namespace grpc

namespace boltzmann::server {

// Serves the explorer over HTTP, on threads of its own, from construction to destruction:
//
//   GET  /             the page, which is part of this program and loads nothing
//   GET  /api/info     GetServerInfo
//   POST /api/sample   Sample, and
//   POST /api/describe Describe: a request in protobuf's JSON, answered so
//
// A call that fails is answered with HTTP 400, or 503 if trying again may help, and a
// google.rpc.Status: {"code": 3, "message": ...}. There is no authentication. A browser that was
// led here by another site is refused: by its Host header where only loopback is listened on, and
// because requests must be application/json. At most 8 MB a request, 4 at a time.
class Admin {
 public:
  // Listens on HOST:PORT; port 0 lets the system choose. `channel` leads to the server itself.
  // INVALID_ARGUMENT for another form, UNAVAILABLE if it cannot be bound; both name it.
  static absl::StatusOr<std::unique_ptr<Admin>> Start(
      const std::string& listen, std::shared_ptr<grpc::ChannelInterface> channel);

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
