// The sockets that connections come in by.
#ifndef BOLTZMANN_SERVER_LISTENER_H_
#define BOLTZMANN_SERVER_LISTENER_H_

#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "server/address.h"

namespace boltzmann::server {

// Accepts connections, on a thread of its own, and hands them on: never more of them than there may
// be, whatever a caller does. (gRPC 1.51 by itself accepts without bound and, once no descriptor is
// left, stops listening for good: CVE-2023-4785.) Thread-safe.
class Listener {
 public:
  // Takes a connection, non-blocking, which it has to close. `is_unix`: of a Unix socket.
  using Take = std::function<void(int connection, bool is_unix)>;

  // Binds every address. UNAVAILABLE, naming it, for one that cannot be bound: also if another
  // server listens there, or a file that is no socket stands in a Unix socket's place. Unix sockets
  // get the permissions `unix_socket_mode`.
  static absl::StatusOr<std::unique_ptr<Listener>> Bind(const std::vector<Address>& addresses,
                                                        int unix_socket_mode);

  // Stops.
  ~Listener();

  // As they were given, with the ports that were chosen.
  const std::vector<std::string>& addresses() const { return addresses_; }

  // Begins to listen. Connections beyond `max_connections` are closed as they come. INVALID_ARGUMENT
  // if this process may not have as many descriptors. Call it once.
  absl::Status Start(uint32_t max_connections, Take take);

  // Nothing is accepted afterwards, and Unix sockets are gone.
  void Stop();

  // Connections that were closed as they came, since there were too many.
  uint64_t refused_count() const { return refused_.load(std::memory_order_relaxed); }

 private:
  struct Socket {
    int fd = -1;
    std::string path = "";  // of a Unix socket, else empty
    struct stat file {};  // what was made there
  };

  Listener() = default;
  absl::Status BindUnix(const Address& address, int mode);
  absl::Status BindTcp(const Address& address);
  void Run();
  void Accept(const Socket& socket);

  std::vector<std::string> addresses_;
  std::vector<Socket> sockets_;
  Take take_;
  int max_descriptor_ = 0;  // of a connection
  int stop_ = -1;           // an eventfd
  std::atomic<uint64_t> refused_ = 0;
  std::thread thread_;
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_LISTENER_H_
