#include "server/server.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/engine.h"
#include "grpcpp/ext/channelz_service_plugin.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "server/address.h"
#include "server/admin.h"
#include "server/admission.h"
#include "server/gauges.h"
#include "server/health_port.h"
#include "server/heartbeat.h"
#include "server/listener.h"
#include "server/region_service.h"
#include "server/service.h"
#include "server/tuning.h"

namespace boltzmann::server {
namespace {

using grpc::experimental::ExternalConnectionAcceptor;
using std::chrono::steady_clock;

// How long connections may take to go once every call has ended.
constexpr std::chrono::milliseconds kHangUpTime(200);

// The limits with those that depend on the number of workers filled in.
Limits Resolved(Limits limits, int worker_count) {
  constexpr uint32_t kCalls = 16;
  constexpr uint32_t kCallsOfWorker = 4;
  if (limits.max_calls_in_flight == 0) {
    limits.max_calls_in_flight = std::max(kCalls, kCallsOfWorker * worker_count);
  }
  return limits;
}

// What options are opened as.
struct Opened {
  std::unique_ptr<Tls> tls;  // nullptr if there is none
  std::unique_ptr<Access> access;
  std::unique_ptr<Regions> regions;  // nullptr if the server takes no shared memory
  std::unique_ptr<Listener> listener;
};

// Whether what stands on the network is protected as it must be.
absl::Status CheckSecurity(const ServerOptions& options, const Address& address) {
  if (address.is_unix() || IsLoopback(address.host) || options.allow_insecure)
    return absl::OkStatus();
  const bool asks = !options.tls.client_ca_file.empty() || !options.access.token_file.empty();
  if (options.tls.on() && asks) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "listen: ", address.text, " can be reached by other hosts, ",
      options.tls.on() ? "and anybody there could call: give --tls_client_ca_file or --token_file"
                       : "and what is sent could be read there: give --tls_cert_file and "
                         "--tls_key_file, and --tls_client_ca_file or --token_file",
      ", listen on 127.0.0.1 or unix:PATH, or, if the network is yours alone, say "
      "--allow_insecure"));
}

absl::StatusOr<std::vector<Address>> CheckAddresses(const ServerOptions& options) {
  if (options.listen.empty()) return absl::InvalidArgumentError("listen: no address is given");
  std::vector<Address> addresses;
  for (const std::string& text : options.listen) {
    absl::StatusOr<Address> address = ParseAddress("listen", text);
    if (!address.ok()) return address.status();
    if (absl::Status status = CheckSecurity(options, *address); !status.ok()) return status;
    addresses.push_back(*std::move(address));
  }
  return addresses;
}

absl::StatusOr<Opened> Open(const ServerOptions& options) {
  const absl::StatusOr<std::vector<Address>> addresses = CheckAddresses(options);
  if (!addresses.ok()) return addresses.status();
  auto tls = Tls::Open(options.tls);
  if (!tls.ok()) return tls.status();
  if (!options.access.allowed_clients.empty() && options.tls.client_ca_file.empty()) {
    return absl::InvalidArgumentError(
        "tls_allowed_clients: callers show no certificates: give --tls_client_ca_file");
  }
  Opened opened;
  opened.tls = *std::move(tls);
  auto access = Access::Open(options.access);
  if (!access.ok()) return access.status();
  opened.access = *std::move(access);
  if (!options.shared_memory.directory.empty()) {
    auto regions = Regions::Open(options.shared_memory);
    if (!regions.ok()) return regions.status();
    opened.regions = *std::move(regions);
  }
  auto listener = Listener::Bind(*addresses, options.unix_socket_mode);
  if (!listener.ok()) return listener.status();
  opened.listener = *std::move(listener);
  return opened;
}

}  // namespace

class Server::Running {
 public:
  Running(const ServerOptions& options, Opened opened)
      : tls_(std::move(opened.tls)),
        access_(std::move(opened.access)),
        regions_(std::move(opened.regions)),
        engine_(core::EngineOptions{.worker_count = options.worker_count,
                                    .instruction_set = options.instruction_set,
                                    .spin = options.worker_spin}),
        limits_(Resolved(options.limits, engine_.worker_count())),
        admission_({.max_in_flight = limits_.max_calls_in_flight,
                    .max_waiting = limits_.max_calls_waiting,
                    .max_streams = limits_.max_streams}),
        backend_{limits_, *access_, engine_, admission_, counters_, metrics_, regions_.get()},
        service_(backend_),
        row_methods_(backend_),
        region_service_(backend_),
        listener_(std::move(opened.listener)) {
    metrics_.Add(std::make_shared<Gauges>(backend_, *listener_, tls_.get()));
  }

  ~Running() {
    admission_.Close();
    if (server_ != nullptr) Shutdown();
  }

  absl::Status Serve(const ServerOptions& options) {
    grpc::ServerBuilder builder;
    Configure(builder);
    AddDoors(builder);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) return absl::InternalError("gRPC could not start the server");
    SetServing(true);
    heartbeat_ = std::make_unique<Heartbeat>(InProcessChannel(), [this] { DoChores(); });
    if (absl::Status status = StartHealth(options.health_listen); !status.ok()) return status;
    if (absl::Status status = StartAdmin(options.admin_listen); !status.ok()) return status;
    return listener_->Start(limits_.max_connections, [this](int connection, bool is_unix) {
      ExternalConnectionAcceptor::NewConnectionParameters parameters;
      parameters.fd = connection;
      (is_unix ? unix_door_ : tcp_door_)->HandleNewConnection(&parameters);
    });
  }

  absl::Status Drain(std::chrono::milliseconds timeout) {
    const auto deadline = steady_clock::now() + timeout;
    SetServing(false);
    admission_.Close();
    const bool finished = admission_.WaitUntilEmpty(deadline);
    listener_->Stop();
    // Calls that are on their way then fail with UNAVAILABLE, and are tried elsewhere; those that
    // come while gRPC shuts down would fail with CANCELLED.
    if (finished) listener_->HangUp(kHangUpTime);
    Shutdown();
    if (finished) return absl::OkStatus();
    return absl::DeadlineExceededError(
        absl::StrCat("calls still ran after ", timeout.count(), " ms and were cancelled"));
  }

  const std::vector<std::string>& addresses() const { return listener_->addresses(); }
  std::string admin_address() const { return admin_ == nullptr ? "" : admin_->address(); }
  std::string health_address() const { return health_ == nullptr ? "" : health_->address(); }
  int worker_count() const { return engine_.worker_count(); }
  core::InstructionSet instruction_set() const { return engine_.instruction_set(); }

  std::shared_ptr<grpc::Channel> InProcessChannel() {
    return server_->InProcessChannel(grpc::ChannelArguments());
  }

 private:
  absl::Status StartAdmin(const std::string& listen) {
    if (listen.empty()) return absl::OkStatus();
    auto admin = Admin::Start(listen, {InProcessChannel(), [this] { return metrics_.Text(); },
                                       [this] { return !admission_.Count().closed; },
                                       [this] { return heartbeat_->IsAlive(); }});
    if (!admin.ok()) return admin.status();
    admin_ = *std::move(admin);
    return absl::OkStatus();
  }

  absl::Status StartHealth(const std::string& listen) {
    if (listen.empty()) return absl::OkStatus();
    auto health = HealthPort::Start(listen, limits_.max_connections);
    if (!health.ok()) return health.status();
    health_ = *std::move(health);
    return absl::OkStatus();
  }

  void SetServing(bool serving) {
    SetHealth(*server_, serving);
    if (health_ != nullptr) health_->SetServing(serving);
  }

  // Ends calls that still run.
  void Shutdown() {
    listener_->Stop();
    admin_.reset();
    health_.reset();
    heartbeat_.reset();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  void Configure(grpc::ServerBuilder& builder) {
    builder.RegisterService(&service_);
    builder.RegisterService(&region_service_);
    builder.RegisterCallbackGenericService(&row_methods_);
    builder.SetMaxReceiveMessageSize(limits_.max_message_bytes);
    TuneSockets(tls_ != nullptr, builder);
    BoundConnections(limits_, builder);
    if (access_->asks()) LeavePluginsOut(builder);
  }

  // By which the listener's connections come in.
  void AddDoors(grpc::ServerBuilder& builder) {
    constexpr auto kFromFd =
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD;
    const auto plain = grpc::InsecureServerCredentials();
    unix_door_ = builder.experimental().AddExternalConnectionAcceptor(kFromFd, plain);
    tcp_door_ = builder.experimental().AddExternalConnectionAcceptor(
        kFromFd, tls_ == nullptr ? plain : tls_->Credentials());
  }

  // From time to time.
  void DoChores() {
    admission_.CancelIdle(steady_clock::now() - limits_.max_idle_time);
    access_->Tidy();
    if (tls_ != nullptr) tls_->Tidy();
    if (regions_ != nullptr) regions_->Tidy();
  }

  // In this order, so that whoever calls goes before whom it calls.
  const std::unique_ptr<Tls> tls_;
  const std::unique_ptr<Access> access_;
  const std::unique_ptr<Regions> regions_;
  core::Engine engine_;
  const Limits limits_;
  Admission admission_;
  Counters counters_;
  Metrics metrics_;
  const Backend backend_;
  SamplerService service_;
  RowMethods row_methods_;
  RegionService region_service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<ExternalConnectionAcceptor> unix_door_;
  std::unique_ptr<ExternalConnectionAcceptor> tcp_door_;
  const std::unique_ptr<Listener> listener_;
  std::unique_ptr<Heartbeat> heartbeat_;
  std::unique_ptr<HealthPort> health_;
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
  absl::StatusOr<Opened> opened = Open(options);
  if (!opened.ok()) return opened.status();
  auto running = std::make_unique<Running>(options, *std::move(opened));
  if (absl::Status status = running->Serve(options); !status.ok()) return status;
  return std::unique_ptr<Server>(new Server(std::move(running)));
}

Server::Server(std::unique_ptr<Running> running) : running_(std::move(running)) {}

Server::~Server() = default;

const std::vector<std::string>& Server::addresses() const { return running_->addresses(); }

std::string Server::admin_address() const { return running_->admin_address(); }

std::string Server::health_address() const { return running_->health_address(); }

int Server::worker_count() const { return running_->worker_count(); }

core::InstructionSet Server::instruction_set() const { return running_->instruction_set(); }

absl::Status Server::Drain(std::chrono::milliseconds timeout) { return running_->Drain(timeout); }

std::shared_ptr<grpc::Channel> Server::TEST_InProcessChannel() {
  return running_->InProcessChannel();
}

}  // namespace boltzmann::server
