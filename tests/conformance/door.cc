#include "tests/conformance/door.h"

#include <stdlib.h>

#include <atomic>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "client/sample_stream.h"
#include "client/shared_region.h"
#include "core/engine.h"
#include "grpcpp/grpcpp.h"
#include "server/server.h"
#include "tests/conformance/parsed.h"
#include "tests/temporary_directory.h"

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

std::shared_ptr<server::Server> StartServer(const std::string& listen, int worker_count,
                                            const std::string& shared_memory = "") {
  server::ServerOptions options;
  options.listen = {listen};
  options.worker_count = worker_count;
  options.shared_memory.directory = shared_memory;
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
Door OpenStream(int worker_count) {
  const auto server = StartServer("127.0.0.1:0", worker_count);
  const auto caller =
      client::Client::Create({.target = server->addresses().front(), .timeout = kTimeout});
  auto stream = client::SampleStream::Open(caller.value());
  if (!stream.ok()) {
    ADD_FAILURE() << stream.status();
    abort();
  }
  Door door = Caller(server, caller);
  // It is closed when the door is, and before the server is stopped.
  const std::shared_ptr<client::SampleStream> open(stream->release(),
                                                   [server](client::SampleStream* ending) {
                                                     const absl::Status end = ending->Close();
                                                     EXPECT_TRUE(end.ok()) << end;
                                                     delete ending;
                                                   });
  door.sample = [open](const auto& request) -> absl::StatusOr<v1::SampleResponse> {
    if (const absl::Status status = open->Send(request); !status.ok()) return status;
    return open->Receive();
  };
  return door;
}

// Whether the inline logits are as long as their shape says, so that they can lie elsewhere.
bool AreWhole(const v1::Logits& logits) {
  if (!logits.has_inline_data() || logits.row_count() == 0 || logits.vocab_size() == 0)
    return false;
  const size_t item = logits.data_type() == v1::DATA_TYPE_FLOAT32 ? 4 : 2;
  const size_t row = logits.vocab_size() * item;
  const size_t stride = logits.row_stride_bytes() == 0 ? row : logits.row_stride_bytes();
  const size_t size = logits.inline_data().size();
  return stride <= size && size == (logits.row_count() - 1) * stride + row;
}

// Calls with the inline logits of every request in memory that is shared with the server; at an
// odd address, so that rows of any alignment are read.
template <typename Request, typename Response>
Method<Request, Response> Sharing(client::Client caller, std::string directory,
                                  Method<Request, Response> call) {
  return [=](const Request& request) -> absl::StatusOr<Response> {
    if (!AreWhole(request.logits())) return call(request);
    const std::string& data = request.logits().inline_data();
    const auto region = client::SharedRegion::Create(
        caller, {.directory = directory, .size_bytes = data.size() + 1});
    if (!region.ok()) return region.status();
    memcpy((*region)->bytes().data() + 1, data.data(), data.size());
    Request shared = request;
    *shared.mutable_logits()->mutable_shared_rows() = (*region)->At(1);
    return call(shared);
  };
}

Door OpenSharedMemory(int worker_count) {
  static const TemporaryDirectory kDirectory;
  const std::string& directory = kDirectory.path();
  const auto server = StartServer("127.0.0.1:0", worker_count, directory);
  const auto caller =
      client::Client::Create({.target = server->addresses().front(), .timeout = kTimeout});
  Door door = Caller(server, caller);
  return {.sample = Sharing(*caller, directory, std::move(door.sample)),
          .score = Sharing(*caller, directory, std::move(door.score)),
          .verify = Sharing(*caller, directory, std::move(door.verify)),
          .describe = Sharing(*caller, directory, std::move(door.describe))};
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
      {"SharedMemory", OpenSharedMemory},
      {"UnixSocket", [](int workers) { return OpenSocket(NewUnixAddress(), workers); }},
  };
  return *kDoors;
}

std::string DoorName(const testing::TestParamInfo<NamedDoor>& info) { return info.param.name; }

}  // namespace boltzmann::test
