#include "server/http_server.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <semaphore>
#include <string>
#include <utility>

namespace boltzmann::server {
namespace {

using Clock = std::chrono::steady_clock;

// How often who waits for a caller looks whether the server stops.
constexpr std::chrono::milliseconds kLook(50);

// As many connections as there may be are with the pool; whoever accepts the next waits.
class BoundedQueue final : public httplib::TaskQueue {
 public:
  explicit BoundedQueue(const HttpLimits& limits)
      : pool_(limits.threads), places_(limits.max_connections) {}

  void enqueue(std::function<void()> task) override {
    places_.acquire();
    pool_.enqueue([this, task = std::move(task)] {
      task();
      places_.release();
    });
  }
  void shutdown() override { pool_.shutdown(); }

 private:
  httplib::ThreadPool pool_;
  std::counting_semaphore<> places_;
};

// A connection that ends at its deadline, or once it has sent too much.
class Connection final : public httplib::Stream {
 public:
  Connection(int socket, const HttpLimits& limits, const std::atomic<bool>& stopping)
      : socket_(socket),
        deadline_(Clock::now() + limits.max_time),
        bytes_left_(limits.max_request_bytes),
        stopping_(stopping) {}

  bool is_readable() const override { return !stopping_ && WaitFor(POLLIN); }
  bool is_writable() const override { return WaitFor(POLLOUT); }

  ssize_t read(char* to, size_t size) override {
    if (bytes_left_ == 0 || !is_readable()) return -1;
    const ssize_t count = recv(socket_, to, std::min(size, bytes_left_), 0);
    if (count > 0) bytes_left_ -= static_cast<size_t>(count);
    return count;
  }
  ssize_t write(const char* from, size_t size) override {
    return is_writable() ? send(socket_, from, size, MSG_NOSIGNAL) : -1;
  }

  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    sockaddr_storage peer = {};
    socklen_t size = sizeof(peer);
    char host[NI_MAXHOST] = "", service[NI_MAXSERV] = "";
    if (getpeername(socket_, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return;
    getnameinfo(reinterpret_cast<sockaddr*>(&peer), size, host, sizeof(host), service,
                sizeof(service), NI_NUMERICHOST | NI_NUMERICSERV);
    ip = host;
    port = std::atoi(service);
  }
  // Nobody asks.
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return socket_; }

 private:
  bool WaitFor(short event) const {
    while (Clock::now() < deadline_) {
      pollfd ready{socket_, event, 0};
      if (poll(&ready, 1, static_cast<int>(kLook.count())) > 0) return true;
      if (event == POLLIN && stopping_) return false;
    }
    return false;
  }

  const int socket_;
  const Clock::time_point deadline_;
  size_t bytes_left_;
  const std::atomic<bool>& stopping_;
};

}  // namespace

HttpServer::HttpServer(const HttpLimits& limits) : limits_(limits) {
  new_task_queue = [this] { return new BoundedQueue(limits_); };
  set_payload_max_length(limits.max_request_bytes);
}

void HttpServer::Stop() {
  stopping_ = true;
  stop();
}

bool HttpServer::process_and_close_socket(socket_t socket) {
  Connection connection(socket, limits_, stopping_);
  bool closed = false;
  const bool good = process_request(connection, true, closed, nullptr);
  shutdown(socket, SHUT_RDWR);
  close(socket);
  return good;
}

}  // namespace boltzmann::server
