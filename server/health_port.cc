#include "server/health_port.h"

#include <utility>
#include <vector>

#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "server/address.h"
#include "server/listener.h"
#include "server/tuning.h"

namespace boltzmann::server {
namespace {

using grpc::experimental::ExternalConnectionAcceptor;

constexpr char kSampler[] = "boltzmann.v1.SamplerService";

constexpr uint32_t kMaxConnections = 32;

Limits LimitsOfProbes() {
  Limits limits;
  limits.max_message_bytes = 4096;
  limits.max_calls_waiting = 4;
  limits.max_streams = 4;
  limits.max_connection_age = std::chrono::minutes(1);
  return limits;
}

}  // namespace

void SetHealth(grpc::Server& server, bool serving) {
  grpc::HealthCheckServiceInterface* health = server.GetHealthCheckService();
  // The second sets all services that are known, each of whose watchers is told once.
  serving ? health->SetServingStatus(kSampler, true) : health->SetServingStatus(false);
}

class HealthPort::Running {
 public:
  explicit Running(std::unique_ptr<Listener> listener) : listener_(std::move(listener)) {}

  ~Running() {
    listener_->Stop();
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  }

  absl::Status Serve(uint32_t max_connections) {
    grpc::ServerBuilder builder;
    const Limits limits = LimitsOfProbes();
    builder.SetMaxReceiveMessageSize(limits.max_message_bytes);
    BoundConnections(limits, builder);
    builder.RegisterCallbackGenericService(&nothing_);
    LeavePluginsOut(builder);
    door_ = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
        grpc::InsecureServerCredentials());
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) return absl::InternalError("gRPC could not start the health port");
    SetServing(true);
    return listener_->Start(max_connections + kMaxConnections, [this](int connection, bool) {
      ExternalConnectionAcceptor::NewConnectionParameters parameters;
      parameters.fd = connection;
      door_->HandleNewConnection(&parameters);
    });
  }

  void SetServing(bool serving) { SetHealth(*server_, serving); }

  const std::string& address() const { return listener_->addresses().front(); }

 private:
  grpc::CallbackGenericService nothing_;  // gRPC starts no server without a service
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<ExternalConnectionAcceptor> door_;
  const std::unique_ptr<Listener> listener_;
};

absl::StatusOr<std::unique_ptr<HealthPort>> HealthPort::Start(const std::string& listen,
                                                              uint32_t max_connections) {
  const absl::StatusOr<Address> address = ParseHostAndPort("health_listen", listen);
  if (!address.ok()) return address.status();
  auto listener = Listener::Bind({*address}, 0);
  if (!listener.ok()) return listener.status();
  auto running = std::make_unique<Running>(*std::move(listener));
  if (absl::Status status = running->Serve(max_connections); !status.ok()) return status;
  return std::unique_ptr<HealthPort>(new HealthPort(std::move(running)));
}

HealthPort::HealthPort(std::unique_ptr<Running> running) : running_(std::move(running)) {}

HealthPort::~HealthPort() = default;

const std::string& HealthPort::address() const { return running_->address(); }

void HealthPort::SetServing(bool serving) { running_->SetServing(serving); }

}  // namespace boltzmann::server
