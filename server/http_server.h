// cpp-httplib's server, bounded: in time, in bytes and in connections.
#ifndef BOLTZMANN_SERVER_HTTP_SERVER_H_
#define BOLTZMANN_SERVER_HTTP_SERVER_H_

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <cstddef>

namespace boltzmann::server {

struct HttpLimits {
  size_t threads = 4;
  int max_connections = 64;            // answered or waiting; further ones wait to be accepted
  size_t max_request_bytes = 2 << 20;  // with its headers, whatever they say
  // From when a connection has a thread until its answer has been taken, however slowly it talks.
  std::chrono::seconds max_time{20};
};

// Answers one request a connection. The library by itself bounds each read, not all of them, and
// bodies only by what their headers say of them.
class HttpServer : public httplib::Server {
 public:
  explicit HttpServer(const HttpLimits& limits);

  // Ends listening; requests that have not arrived are dropped, the others are answered.
  void Stop();

 private:
  bool process_and_close_socket(socket_t socket) override;

  const HttpLimits limits_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_HTTP_SERVER_H_
