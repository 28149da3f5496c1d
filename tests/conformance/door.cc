#include "tests/conformance/door.h"

#include <stdlib.h>

#include <atomic>

#include "absl/strings/str_cat.h"
#include "boltzmann/v1/sampler.grpc.pb.h"
#include "client/client.h"
#include "core/engine.h"
#include "grpcpp/grpcpp.h"
#include "server/convert.h"
#include "server/server.h"
#include "server/status.h"

namespace boltzmann::test {
namespace {

// Long, for builds with sanitizers.
constexpr absl::Duration kTimeout = absl::Minutes(2);

Door OpenCore(int worker_count) {
  auto engine = std::make_shared<core::Engine>(core::EngineOptions{.worker_count = worker_count});
  return [engine](const v1::SampleRequest& request) -> absl::StatusOr<v1::SampleResponse> {
    server::DecodedRequest decoded;
    absl::Status status = server::Decode(request, server::Limits(), decoded);
    if (status.ok()) status = engine->Sample(decoded.batch);
    if (!status.ok()) return status;
    v1::SampleResponse response;
    server::Encode(decoded.batch, response);
    return response;
  };
}

std::shared_ptr<server::Server> StartServer(const std::string& listen, int worker_count) {
  server::ServerOptions options;
  options.listen = {listen};
  options.worker_count = worker_count;
  auto server = server::Server::Start(options);
  if (!server.ok()) {
    ADD_FAILURE() << server.status();
    abort();
  }
  return *std::move(server);
}

// The server, and a client that calls it.
Door Caller(std::shared_ptr<server::Server> server, absl::StatusOr<client::Client> client) {
  if (!client.ok()) ADD_FAILURE() << client.status();
  auto caller = std::make_shared<client::Client>(*std::move(client));
  return [server, caller](const v1::SampleRequest& request) { return caller->Sample(request); };
}

Door OpenInProcess(int worker_count) {
  const auto server = StartServer("127.0.0.1:0", worker_count);
  return Caller(server, client::Client::Create(server->TEST_InProcessChannel(), kTimeout));
}

Door OpenSocket(const std::string& listen, int worker_count) {
  const auto server = StartServer(listen, worker_count);
  return Caller(
      server, client::Client::Create({.target = server->addresses().front(), .timeout = kTimeout}));
}

}  // namespace

std::string NewUnixAddress() {
  static const std::string* const kDirectory = [] {
    std::string path = testing::TempDir() + "boltzmann-XXXXXX";
    return new std::string(mkdtemp(path.data()));
  }();
  static std::atomic<int> next{0};
  return absl::StrCat("unix:", *kDirectory, "/", next++, ".sock");
}

const std::vector<NamedDoor>& AllDoors() {
  static const auto* const kDoors = new std::vector<NamedDoor>{
      {"Core", OpenCore},
      {"InProcess", OpenInProcess},
      {"Tcp", [](int workers) { return OpenSocket("127.0.0.1:0", workers); }},
      {"UnixSocket", [](int workers) { return OpenSocket(NewUnixAddress(), workers); }},
  };
  return *kDoors;
}

std::string DoorName(const testing::TestParamInfo<NamedDoor>& info) { return info.param.name; }

}  // namespace boltzmann::test
