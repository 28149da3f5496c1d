#include "server/server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/engine.h"
#include "grpcpp/ext/channelz_service_plugin.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "server/admin.h"
#include "server/admission.h"
#include "server/heartbeat.h"
#include "server/region_service.h"
#include "server/service.h"
#include "server/tuning.h"

namespace boltzmann::server {
namespace {

using std::chrono::steady_clock;

// How long streams that nobody ends, such as health watches, may hold up the shutdown
// once every call of ours has ended.
constexpr std::chrono::milliseconds kStreamGrace(200);

// Metadata of one call, in bytes: gRPC's own default, said here because it is a limit.
constexpr int kMaxMetadataBytes = 8192;

constexpr char kUnixScheme[] = "unix:";

bool IsUnix(const std::string& address) { return absl::StartsWith(address, kUnixScheme); }

std::string UnixPath(const std::string& address) {
  std::string path(absl::StripPrefix(address, kUnixScheme));
  return absl::StartsWith(path, "//") ? path.substr(2) : path;  // unix:///path
}

// Whether a process answers on the socket at `path`.
bool SomebodyListens(const sockaddr_un& address) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected =
      fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  if (fd >= 0) close(fd);
  return connected;
}

// gRPC replaces whatever socket stands at the path, even one that a server is using.
absl::Status CheckUnixPathIsFree(const std::string& listen) {
  const std::string path = UnixPath(listen);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("listen: ", listen, " needs a path of 1 to ",
                                                   sizeof(address.sun_path) - 1,
                                                   " bytes after unix:"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  struct stat found;
  if (lstat(path.c_str(), &found) != 0) return absl::OkStatus();
  if (!S_ISSOCK(found.st_mode)) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", listen, ": a file that is no socket is in the way"));
  }
  if (SomebodyListens(address)) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", listen, ": another server listens there"));
  }
  return absl::OkStatus();
}

absl::Status CheckAddress(const std::string& listen) {
  if (IsUnix(listen)) return CheckUnixPathIsFree(listen);
  const size_t colon = listen.rfind(':');
  uint32_t port = 0;
  if (colon != std::string::npos && colon > 0 &&
      absl::SimpleAtoi(listen.substr(colon + 1), &port) && port <= 65535) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("listen: ", listen, " is neither HOST:PORT nor unix:PATH"));
}

// The address with the port that was chosen in place of 0.
std::string BoundAddress(const std::string& listen, int port) {
  if (IsUnix(listen)) return listen;
  return absl::StrCat(listen.substr(0, listen.rfind(':') + 1), port);
}

absl::Status CannotListen(const std::string& listen) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", listen,
                   IsUnix(listen) ? ": the socket cannot be made there"
                                  : ": the port is taken, or the host is not this machine"));
}

// The limits with those that depend on the number of workers filled in.
Limits Resolved(Limits limits, int worker_count) {
  constexpr uint32_t kCalls = 16;
  constexpr uint32_t kCallsOfWorker = 4;
  if (limits.max_calls_in_flight == 0) {
    limits.max_calls_in_flight = std::max(kCalls, kCallsOfWorker * worker_count);
  }
  return limits;
}

}  // namespace

class Server::Running {
 public:
  // `regions` is nullptr if the server takes no shared memory.
  Running(const ServerOptions& options, std::unique_ptr<Regions> regions)
      : regions_(std::move(regions)),
        engine_(core::EngineOptions{.worker_count = options.worker_count,
                                    .instruction_set = options.instruction_set,
                                    .spin = options.worker_spin}),
        limits_(Resolved(options.limits, engine_.worker_count())),
        admission_({.max_in_flight = limits_.max_calls_in_flight,
                    .max_waiting = limits_.max_calls_waiting,
                    .max_streams = limits_.max_streams}),
        backend_{limits_, engine_, admission_, counters_, regions_.get()},
        service_(backend_),
        row_methods_(backend_),
        region_service_(regions_.get()) {}

  ~Running() {
    admission_.Close();
    if (server_ != nullptr) Shutdown(kNow);
  }

  absl::Status Listen(const ServerOptions& options) {
    std::vector<int> ports(options.listen.size(), 0);
    grpc::ServerBuilder builder;
    Configure(builder);
    for (size_t i = 0; i < ports.size(); ++i) {
      builder.AddListeningPort(options.listen[i], grpc::InsecureServerCredentials(), &ports[i]);
    }
    server_ = builder.BuildAndStart();
    for (size_t i = 0; i < ports.size(); ++i) {
      if (ports[i] <= 0) return CannotListen(options.listen[i]);
      addresses_.push_back(BoundAddress(options.listen[i], ports[i]));
    }
    if (server_ == nullptr) return absl::InternalError("gRPC could not start the server");
    server_->GetHealthCheckService()->SetServingStatus(v1::SamplerService::service_full_name(),
                                                       true);
    heartbeat_ = std::make_unique<Heartbeat>(InProcessChannel(), [this] { DoChores(); });
    if (absl::Status status = SetSocketModes(options); !status.ok()) return status;
    return StartAdmin(options.admin_listen);
  }

  absl::Status Drain(std::chrono::milliseconds timeout) {
    const auto deadline = steady_clock::now() + timeout;
    server_->GetHealthCheckService()->SetServingStatus(false);
    admission_.Close();
    const bool finished = admission_.WaitUntilEmpty(deadline);
    Shutdown(finished ? kStreamGrace : kNow);
    if (finished) return absl::OkStatus();
    return absl::DeadlineExceededError(
        absl::StrCat("calls still ran after ", timeout.count(), " ms and were cancelled"));
  }

  const std::vector<std::string>& addresses() const { return addresses_; }
  std::string admin_address() const { return admin_ == nullptr ? "" : admin_->address(); }
  int worker_count() const { return engine_.worker_count(); }
  core::InstructionSet instruction_set() const { return engine_.instruction_set(); }

  std::shared_ptr<grpc::Channel> InProcessChannel() {
    return server_->InProcessChannel(grpc::ChannelArguments());
  }

 private:
  static constexpr std::chrono::milliseconds kNow{0};

  absl::Status StartAdmin(const std::string& listen) {
    if (listen.empty()) return absl::OkStatus();
    auto admin = Admin::Start(listen, InProcessChannel());
    if (!admin.ok()) return admin.status();
    admin_ = *std::move(admin);
    return absl::OkStatus();
  }

  // Ends calls that still run after `grace`.
  void Shutdown(std::chrono::milliseconds grace) {
    admin_.reset();
    heartbeat_.reset();
    server_->Shutdown(std::chrono::system_clock::now() + grace);
  }

  void Configure(grpc::ServerBuilder& builder) {
    builder.RegisterService(&service_);
    builder.RegisterService(&region_service_);
    builder.RegisterCallbackGenericService(&row_methods_);
    builder.SetMaxReceiveMessageSize(limits_.max_message_bytes);
    TuneSockets(builder);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
    builder.AddChannelArgument(
        GRPC_ARG_MAX_CONCURRENT_STREAMS,
        static_cast<int>(limits_.max_calls_waiting + limits_.max_streams + 1));
    // Without this a second server on the port would quietly take half of the calls.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  }

  // From time to time.
  void DoChores() {
    admission_.CancelIdle(steady_clock::now() - limits_.max_idle_time);
    if (regions_ != nullptr) regions_->Tidy();
  }

  absl::Status SetSocketModes(const ServerOptions& options) {
    for (const std::string& listen : options.listen) {
      if (!IsUnix(listen)) continue;
      if (chmod(UnixPath(listen).c_str(), options.unix_socket_mode) == 0) continue;
      return absl::UnavailableError(
          absl::StrCat("cannot set the mode of ", listen, ": ", std::string(std::strerror(errno))));
    }
    return absl::OkStatus();
  }

  // In this order, so that whoever calls goes before whom it calls.
  const std::unique_ptr<Regions> regions_;
  core::Engine engine_;
  const Limits limits_;
  Admission admission_;
  Counters counters_;
  const Backend backend_;
  SamplerService service_;
  RowMethods row_methods_;
  RegionService region_service_;
  std::vector<std::string> addresses_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Heartbeat> heartbeat_;
  std::unique_ptr<Admin> admin_;
};

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options) {
  static const bool registered = [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::channelz::experimental::InitChannelzService();
    return true;
  }();
  (void)registered;
  if (options.listen.empty()) return absl::InvalidArgumentError("listen: no address is given");
  for (const std::string& listen : options.listen) {
    if (absl::Status status = CheckAddress(listen); !status.ok()) return status;
  }
  std::unique_ptr<Regions> regions;
  if (!options.shared_memory.directory.empty()) {
    auto opened = Regions::Open(options.shared_memory);
    if (!opened.ok()) return opened.status();
    regions = *std::move(opened);
  }
  auto running = std::make_unique<Running>(options, std::move(regions));
  if (absl::Status status = running->Listen(options); !status.ok()) return status;
  return std::unique_ptr<Server>(new Server(std::move(running)));
}

Server::Server(std::unique_ptr<Running> running) : running_(std::move(running)) {}

Server::~Server() = default;

const std::vector<std::string>& Server::addresses() const { return running_->addresses(); }

std::string Server::admin_address() const { return running_->admin_address(); }

int Server::worker_count() const { return running_->worker_count(); }

core::InstructionSet Server::instruction_set() const { return running_->instruction_set(); }

absl::Status Server::Drain(std::chrono::milliseconds timeout) { return running_->Drain(timeout); }

std::shared_ptr<grpc::Channel> Server::TEST_InProcessChannel() {
  return running_->InProcessChannel();
}

}  // namespace boltzmann::server
