#include "tests/conformance/door.h"

#include <stdlib.h>

#include <atomic>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "boltzmann/v1/sampler.grpc.pb.h"
#include "client/call_error.h"
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

template <typename Request, typename Response>
Method<Request, Response> CoreMethod(std::shared_ptr<core::Engine> engine) {
  return [engine](const Request& request) -> absl::StatusOr<Response> {
    server::DecodedRequest decoded;
    absl::Status status = server::Decode(request, server::Limits(), decoded);
    if (status.ok()) status = engine->Sample(decoded.batch);
    if (!status.ok()) return status;
    Response response;
    server::Encode(decoded, response);
    return response;
  };
}

Door OpenCore(int worker_count) {
  auto engine = std::make_shared<core::Engine>(core::EngineOptions{.worker_count = worker_count});
  return {.sample = CoreMethod<v1::SampleRequest, v1::SampleResponse>(engine),
          .score = CoreMethod<v1::ScoreRequest, v1::ScoreResponse>(engine),
          .verify = CoreMethod<v1::VerifyRequest, v1::VerifyResponse>(engine),
          .describe = CoreMethod<v1::DescribeRequest, v1::DescribeResponse>(engine)};
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

// The server, and a stub that calls it.
struct Callee {
  std::shared_ptr<server::Server> server;
  std::unique_ptr<v1::SamplerService::Stub> stub;
};

template <typename Request, typename Response>
Method<Request, Response> StubMethod(std::shared_ptr<Callee> callee,
                                     grpc::Status (v1::SamplerService::Stub::*method)(
                                         grpc::ClientContext*, const Request&, Response*)) {
  return [callee, method](const Request& request) -> absl::StatusOr<Response> {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kTimeout));
    Response response;
    const grpc::Status status = (callee->stub.get()->*method)(&context, request, &response);
    if (!status.ok()) return client::ToAbslStatus(status);
    return response;
  };
}

// The server, and a client that calls it.
Door Caller(std::shared_ptr<server::Server> server, absl::StatusOr<client::Client> client,
            std::shared_ptr<grpc::Channel> channel) {
  if (!client.ok()) ADD_FAILURE() << client.status();
  auto caller = std::make_shared<client::Client>(*std::move(client));
  auto callee = std::make_shared<Callee>();
  callee->server = server;
  callee->stub = v1::SamplerService::NewStub(std::move(channel));
  using Stub = v1::SamplerService::Stub;
  return {.sample = [server, caller](const auto& request) { return caller->Sample(request); },
          .score = StubMethod(callee, &Stub::Score),
          .verify = StubMethod(callee, &Stub::Verify),
          .describe = StubMethod(callee, &Stub::Describe)};
}

Door OpenInProcess(int worker_count) {
  const auto server = StartServer("127.0.0.1:0", worker_count);
  const auto channel = server->TEST_InProcessChannel();
  return Caller(server, client::Client::Create(channel, kTimeout), channel);
}

Door OpenSocket(const std::string& listen, int worker_count) {
  const auto server = StartServer(listen, worker_count);
  const std::string& target = server->addresses().front();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, 1 << 20);
  return Caller(server, client::Client::Create({.target = target, .timeout = kTimeout}),
                grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));
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
