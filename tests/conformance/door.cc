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
#include "server/server.h"
#include "server/status.h"
#include "tests/conformance/parsed.h"

namespace boltzmann::test {
namespace {

// Long, for builds with sanitizers.
constexpr absl::Duration kTimeout = absl::Minutes(2);

template <typename Request, typename Response>
Method<Request, Response> CoreMethod(std::shared_ptr<core::Engine> engine) {
  return [engine](const Request& request) -> absl::StatusOr<Response> {
    Parsed<Request> parsed(request);
    absl::Status status = parsed.status;
    if (status.ok()) status = engine->Sample(parsed.decoded.batch);
    if (!status.ok()) return status;
    Response response;
    server::Encode(parsed.decoded, response);
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

// The server, and a client that calls it.
Door Caller(std::shared_ptr<server::Server> server, absl::StatusOr<client::Client> client) {
  if (!client.ok()) ADD_FAILURE() << client.status();
  auto caller = std::make_shared<client::Client>(*std::move(client));
  return {.sample = [server, caller](const auto& request) { return caller->Sample(request); },
          .score = [server, caller](const auto& request) { return caller->Score(request); },
          .verify = [server, caller](const auto& request) { return caller->Verify(request); },
          .describe = [server, caller](const auto& request) { return caller->Describe(request); }};
}

Door OpenInProcess(int worker_count) {
  const auto server = StartServer("127.0.0.1:0", worker_count);
  return Caller(server, client::Client::Create(server->TEST_InProcessChannel(), kTimeout));
}

Door OpenSocket(const std::string& listen, int worker_count) {
  const auto server = StartServer(listen, worker_count);
  const std::string& target = server->addresses().front();
  return Caller(server, client::Client::Create({.target = target, .timeout = kTimeout}));
}

// One stream for all calls of Sample.
class Stream {
 public:
  explicit Stream(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::SamplerService::NewStub(channel)), stream_(stub_->StreamSample(&context_)) {}

  ~Stream() {
    stream_->WritesDone();
    const grpc::Status status = stream_->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
  }

  absl::StatusOr<v1::SampleResponse> Sample(const v1::SampleRequest& request) {
    v1::StreamSampleRequest wrapped;
    *wrapped.mutable_request() = request;
    v1::StreamSampleResponse response;
    if (!stream_->Write(wrapped) || !stream_->Read(&response)) {
      return absl::UnavailableError("the stream is broken");
    }
    if (!response.has_error()) return response.response();
    return client::ToAbslStatus(grpc::Status(static_cast<grpc::StatusCode>(response.error().code()),
                                             response.error().message(),
                                             response.error().SerializeAsString()));
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<v1::SamplerService::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::StreamSampleRequest, v1::StreamSampleResponse>>
      stream_;
};

Door OpenStream(int worker_count) {
  const auto server = StartServer("127.0.0.1:0", worker_count);
  const std::string& target = server->addresses().front();
  Door door = Caller(server, client::Client::Create({.target = target, .timeout = kTimeout}));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  // The stream goes first, so that the server's end finds it ended.
  const std::shared_ptr<Stream> stream(
      new Stream(grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments)),
      [server](Stream* open) { delete open; });
  door.sample = [stream](const auto& request) { return stream->Sample(request); };
  return door;
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
      {"Stream", OpenStream},
      {"UnixSocket", [](int workers) { return OpenSocket(NewUnixAddress(), workers); }},
  };
  return *kDoors;
}

std::string DoorName(const testing::TestParamInfo<NamedDoor>& info) { return info.param.name; }

}  // namespace boltzmann::test
