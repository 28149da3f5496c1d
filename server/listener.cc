#include "server/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/log.h"

namespace boltzmann::server {
namespace {

// Connections that the kernel keeps until they are accepted.
constexpr int kBacklog = 512;

// Descriptors for all that is no connection: regions while they are opened, the explorer's, files.
constexpr int kOtherDescriptors = 256;

// How long to wait for descriptors, or the kernel's memory, to be free.
constexpr int kPauseMs = 50;

// How often to look whether connections have gone.
constexpr std::chrono::milliseconds kLook(2);

absl::Status CannotListen(const Address& address, std::string_view why) {
  return absl::UnavailableError(absl::StrCat("cannot listen on ", address.text, ": ",
                                             absl::string_view(why.data(), why.size())));
}

sockaddr_un UnixAddress(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());  // its length has been checked
  return address;
}

// Whether a process answers on the socket.
bool SomebodyListens(const sockaddr_un& address) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected =
      fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  if (fd >= 0) close(fd);
  return connected;
}

// Removes a socket that nobody listens on any more.
absl::Status MakeWay(const Address& address) {
  struct stat found;
  if (lstat(address.path.c_str(), &found) != 0) return absl::OkStatus();
  if (!S_ISSOCK(found.st_mode))
    return CannotListen(address, "a file that is no socket is in the way");
  if (SomebodyListens(UnixAddress(address.path)))
    return CannotListen(address, "another server listens there");
  unlink(address.path.c_str());
  return absl::OkStatus();
}

int PortOf(int fd) {
  sockaddr_storage bound = {};
  socklen_t size = sizeof(bound);
  getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                           : reinterpret_cast<sockaddr_in&>(bound).sin_port);
}

void SetPort(const addrinfo& info, int port) {
  // It lies at the same place in both families' addresses.
  reinterpret_cast<sockaddr_in*>(info.ai_addr)->sin_port = htons(port);
}

// A bound socket, or -1 with errno set.
int Bound(const addrinfo& info) {
  const int fd = socket(info.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));  // after connections just closed
  if (bind(fd, info.ai_addr, info.ai_addrlen) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

// What a socket is bound to: a path, or a port; empty if it is none, or is bound to neither. (The
// host that a connection came to is not the one listened on if that is 0.0.0.0.)
std::string NameOf(int fd) {
  sockaddr_storage bound = {};
  socklen_t size = sizeof(bound) - 1;  // so that a path ends with a 0
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return "";
  if (bound.ss_family == AF_UNIX) return reinterpret_cast<sockaddr_un&>(bound).sun_path;
  const bool is_tcp = bound.ss_family == AF_INET || bound.ss_family == AF_INET6;
  return is_tcp ? absl::StrCat("port ", PortOf(fd)) : "";
}

// Makes room for so many descriptors.
absl::Status AllowDescriptors(rlim_t count, uint32_t max_connections) {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= count) return absl::OkStatus();
  const rlim_t most = limit.rlim_max;
  limit.rlim_cur = count;
  if (count <= most && setrlimit(RLIMIT_NOFILE, &limit) == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "max_connections: ", max_connections, " needs ", count,
      " file descriptors, and this process may have ", most,
      ": lower --max_connections, or raise the limit (ulimit -n, LimitNOFILE, --ulimit nofile)"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Bind(const std::vector<Address>& addresses,
                                                         int unix_socket_mode) {
  std::unique_ptr<Listener> listener(new Listener());
  for (const Address& address : addresses) {
    absl::Status status = address.is_unix() ? listener->BindUnix(address, unix_socket_mode)
                                            : listener->BindTcp(address);
    if (!status.ok()) return status;
  }
  return listener;
}

absl::Status Listener::BindUnix(const Address& address, int mode) {
  if (absl::Status status = MakeWay(address); !status.ok()) return status;
  Socket made{.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  const sockaddr_un name = UnixAddress(address.path);
  const bool bound = bind(made.fd, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0;
  if (bound) made.path = address.path;
  const bool ready = bound && chmod(made.path.c_str(), mode) == 0 &&
                     lstat(made.path.c_str(), &made.file) == 0;
  const int error = errno;
  names_.push_back(NameOf(made.fd));
  sockets_.push_back(std::move(made));
  if (!ready) return CannotListen(address, std::strerror(error));
  addresses_.push_back(address.text);
  return absl::OkStatus();
}

absl::Status Listener::BindTcp(const Address& address) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int unknown = getaddrinfo(address.host.c_str(), nullptr, &hints, &found);
  if (unknown != 0) return CannotListen(address, gai_strerror(unknown));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, freeaddrinfo);
  int port = address.port;
  int error = 0;
  bool is_bound = false;
  // A name may stand for several addresses: all of them are bound, to one port.
  for (addrinfo* info = found; info != nullptr; info = info->ai_next) {
    SetPort(*info, port);
    const int fd = Bound(*info);
    if (fd >= 0) {
      sockets_.push_back({.fd = fd});
      names_.push_back(NameOf(fd));
      port = PortOf(fd);
      is_bound = true;
    } else if (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL) {  // a family that is not here
      return CannotListen(address, std::strerror(errno));
    } else {
      error = errno;
    }
  }
  if (!is_bound) return CannotListen(address, std::strerror(error));
  addresses_.push_back(absl::StrCat(address.text.substr(0, address.text.rfind(':') + 1), port));
  return absl::OkStatus();
}

Listener::~Listener() { Stop(); }

absl::Status Listener::Start(uint32_t max_connections, Take take) {
  stop_ = eventfd(0, EFD_CLOEXEC);  // the lowest descriptor that is free
  max_descriptor_ = stop_ + static_cast<int>(max_connections);
  const rlim_t needed = static_cast<rlim_t>(max_descriptor_) + kOtherDescriptors;
  if (absl::Status status = AllowDescriptors(needed, max_connections); !status.ok()) return status;
  take_ = std::move(take);
  for (size_t i = 0; i < sockets_.size(); ++i) {
    if (listen(sockets_[i].fd, kBacklog) == 0) continue;
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", names_[i], ": ", std::strerror(errno)));
  }
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void Listener::Stop() {
  if (thread_.joinable()) {
    eventfd_write(stop_, 1);
    thread_.join();
  }
  for (const Socket& socket : sockets_) {
    if (socket.fd >= 0) close(socket.fd);
    struct stat found;
    const bool is_ours = !socket.path.empty() && lstat(socket.path.c_str(), &found) == 0 &&
                         found.st_ino == socket.file.st_ino && found.st_dev == socket.file.st_dev;
    if (is_ours) unlink(socket.path.c_str());
  }
  sockets_.clear();
  if (stop_ >= 0) close(stop_);
  stop_ = -1;
}

void Listener::HangUp(std::chrono::milliseconds timeout) const {
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (true) {
    const std::vector<int> connections = Connections();
    // Nothing more is read from them; gRPC takes it for the caller's end, and closes them.
    for (const int connection : connections) shutdown(connection, SHUT_RD);
    if (connections.empty() || std::chrono::steady_clock::now() >= end) return;
    std::this_thread::sleep_for(kLook);
  }
}

std::vector<int> Listener::Connections() const {
  std::vector<int> connections;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), none;
       !error && entry != none; entry.increment(error)) {
    const int descriptor = std::atoi(entry->path().filename().c_str());
    const std::string name = NameOf(descriptor);
    if (!name.empty() && std::find(names_.begin(), names_.end(), name) != names_.end())
      connections.push_back(descriptor);
  }
  return connections;
}

void Listener::Run() {
  std::vector<pollfd> polled = {{stop_, POLLIN, 0}};
  for (const Socket& socket : sockets_) polled.push_back({socket.fd, POLLIN, 0});
  while (true) {
    poll(polled.data(), polled.size(), -1);
    if (polled[0].revents != 0) return;
    for (size_t i = 1; i < polled.size(); ++i) {
      if (polled[i].revents != 0) Accept(sockets_[i - 1]);
    }
  }
}

void Listener::Accept(const Socket& socket) {
  const int connection = accept4(socket.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (connection < 0) {
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return;
    poll(nullptr, 0, kPauseMs);
    return;
  }
  // Descriptors are given out from the lowest, so that this one says how many are in use.
  if (connection > max_descriptor_) {
    close(connection);
    refused_.fetch_add(1, std::memory_order_relaxed);
    static LogLimiter limiter;
    Log(limiter, LogLevel::warn, "a connection was refused: there are too many",
        {{"flag", "--max_connections"}});
    return;
  }
  const int yes = 1;
  if (socket.path.empty()) setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  take_(connection, !socket.path.empty());
}

}  // namespace boltzmann::server
