// More than the server can take: it stays within its bounds, and nobody is starved.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "client/client.h"
#include "gmock/gmock.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "tests/conformance/door.h"
#include "tests/conformance/requests.h"
#include "tests/counters.h"
#include "tests/process.h"
#include "tests/server/heavy.h"

namespace boltzmann::test {
namespace {

using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr auto kSoon = std::chrono::seconds(60);  // is never waited for if all is well

v1::Counters CountersOf(v1::SamplerService::Stub& stub) {
  grpc::ClientContext context;
  v1::GetServerInfoResponse info;
  EXPECT_TRUE(stub.GetServerInfo(&context, {}, &info).ok());
  return info.counters();
}

// The counters once every call that has begun has ended.
v1::Counters FinalCountersOf(v1::SamplerService::Stub& stub) {
  v1::Counters counters;
  for (const auto end = steady_clock::now() + kSoon; steady_clock::now() < end;) {
    counters = CountersOf(stub);
    if (EndedOf(counters) == counters.begun_count()) return counters;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ADD_FAILURE() << "calls have begun and never ended: " << counters.ShortDebugString();
  return counters;
}

// A channel with a connection of its own.
std::shared_ptr<grpc::Channel> OwnConnection(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

std::unique_ptr<client::Client> ClientNamed(const std::string& name, const std::string& address) {
  auto client = client::Client::Create(OwnConnection(address), absl::Seconds(60), name);
  EXPECT_TRUE(client.ok()) << client.status();
  return std::make_unique<client::Client>(*std::move(client));
}

// ------------------------------------------------------------------ memory

TEST(Flood, OfLargeCallsFromManyConnectionsStaysWithinTheStatedBound) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "a sanitizer takes memory of its own";
#endif
  constexpr size_t kCallBytes = 32 << 20;
  constexpr int kTurns = 4;
  constexpr int kConnections = 24;
  // What the server is and does besides: threads, workers' scratch, gRPC's own buffers.
  constexpr size_t kOther = 64 << 20;
  const std::string address = NewUnixAddress();
  Process process(BOLTZMANN_SERVER,
                  {"--listen=" + address, "--workers=1", "--log_level=warning",
                   "--max_message_bytes=33600000", "--max_streams=1",
                   "--max_calls_in_flight=" + std::to_string(kTurns), "--max_calls_waiting=16"});
  const auto stub = v1::SamplerService::NewStub(OwnConnection(address));
  ASSERT_TRUE(CallUntil(*stub, grpc::OK).ok());
  const size_t before = ResidentBytes(process.pid());

  v1::SampleRequest request;
  request.mutable_logits()->set_data_type(v1::DATA_TYPE_FLOAT32);
  request.mutable_logits()->set_vocab_size(kCallBytes / 64 / sizeof(float));
  request.mutable_logits()->set_row_count(64);
  request.mutable_logits()->set_inline_data(std::string(kCallBytes, '\0'));
  request.add_params()->set_temperature(0);
  std::atomic<int> answered = 0, pushed_back = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < kConnections; ++i) {
    callers.emplace_back([&, i] {
      const auto client = ClientNamed("caller-" + std::to_string(i % 4), address);
      for (int call = 0; call < 2; ++call) {
        const absl::Status status = client->Sample(request).status();
        answered += status.ok();
        pushed_back += absl::IsResourceExhausted(status);
        EXPECT_TRUE(status.ok() || absl::IsResourceExhausted(status)) << status;
      }
    });
  }
  std::atomic<bool> done = false;
  size_t most = 0;
  std::thread watcher([&] {
    while (!done) {
      most = std::max(most, ResidentBytes(process.pid()));
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  });
  for (std::thread& caller : callers) caller.join();
  done = true;
  watcher.join();

  EXPECT_LE(most, before + (kTurns + 2) * 33600000 + kConnections * (64 << 10) + kOther);
  EXPECT_EQ(answered + pushed_back, 2 * kConnections);
  EXPECT_GT(answered, 0);
  const v1::Counters counters = FinalCountersOf(*stub);
  EXPECT_EQ(counters.pushed_back_count(), static_cast<uint64_t>(pushed_back));
  RecordProperty("megabytes", static_cast<int>((most - before) >> 20));
  process.Kill(SIGTERM);
  EXPECT_EQ(process.Wait(), 0);
}

// ------------------------------------------------------------------ fairness

// Calls of `name`, as many at a time as there are threads, until it is destroyed.
class Flooder {
 public:
  Flooder(const std::string& name, const std::string& address, int threads)
      : client_(ClientNamed(name, address)) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
  }
  ~Flooder() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

  int answered() const { return answered_; }

 private:
  void Run() {
    const v1::SampleRequest request = RequestOf({std::vector<float>(200000, 0)});
    while (!stop_) {
      const absl::Status status = client_->Sample(request).status();
      EXPECT_TRUE(status.ok() || absl::IsResourceExhausted(status)) << status;
      if (status.ok()) ++answered_;
    }
  }

  const std::unique_ptr<client::Client> client_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> answered_ = 0;
  std::vector<std::thread> threads_;
};

class Fairness : public testing::TestWithParam<const char*> {};

// Whoever calls one at a time waits for the turns that are taken, not for those who queue up.
TEST_P(Fairness, ACallersFloodDoesNotStarveAnother) {
  constexpr int kTurns = 4;
  constexpr int kCalls = 20;
  server::ServerOptions options;
  options.listen = {std::string(GetParam()) == "unix" ? NewUnixAddress() : "127.0.0.1:0"};
  options.limits.max_calls_in_flight = kTurns;
  options.limits.max_calls_waiting = 200;
  const auto server = StartServer(options);
  const std::string& address = server->addresses().front();
  const Flooder flooder("loud", address, 40);
  while (flooder.answered() < 40) std::this_thread::yield();
  const auto quiet = ClientNamed("quiet", address);
  const v1::SampleRequest request = RequestOf({{1, 2, 3}});
  const int before = flooder.answered();
  for (int i = 0; i < kCalls; ++i) {
    const absl::Status status = quiet->Sample(request).status();
    EXPECT_TRUE(status.ok()) << status;
  }
  // In one queue for all, each would have waited for the 38 that waited before it.
  EXPECT_LE(flooder.answered() - before, kCalls * 3 * kTurns);
}

INSTANTIATE_TEST_SUITE_P(, Fairness, testing::Values("tcp", "unix"),
                         [](const auto& way) { return std::string(way.param); });

// ------------------------------------------------------------------ who keeps the server waiting

// A call that takes a turn and never sends its request.
class Dawdler {
 public:
  Dawdler(const std::string& name, const std::string& address) : stub_(OwnConnection(address)) {
    context_.AddMetadata("boltzmann-caller", name);
    call_ = stub_.PrepareCall(&context_, "/boltzmann.v1.SamplerService/Sample", &queue_);
    call_->StartCall(nullptr);
    void* tag;
    bool ok;
    queue_.Next(&tag, &ok);
    EXPECT_TRUE(ok);
  }
  ~Dawdler() {
    context_.TryCancel();
    queue_.Shutdown();
    void* tag;
    bool ok;
    while (queue_.Next(&tag, &ok)) {
    }
  }

 private:
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

TEST(SlowCallers, LoseTheirPlaceWhenOthersWaitForIt) {
  server::ServerOptions options;
  options.limits.max_calls_in_flight = 2;
  options.limits.max_idle_time = std::chrono::milliseconds(100);
  const auto server = StartServer(options);
  const std::string& address = server->addresses().front();
  Dawdler first("first", address), second("second", address);
  const auto stub = Connect(*server);
  while (CountersOf(*stub).begun_count() < 2) std::this_thread::yield();
  const auto third = ClientNamed("third", address);
  EXPECT_TRUE(third->Sample(RequestOf({{1, 2}})).ok());
  // One place was enough for it: the other call may be waited for as long as it likes.
  const v1::Counters counters = CountersOf(*stub);
  EXPECT_GE(counters.cancelled_count(), 1u);
  EXPECT_EQ(counters.answered_count(), 1u);
}

TEST(SlowCallers, KeepTheirPlaceWhileNobodyWaits) {
  server::ServerOptions options;
  options.limits.max_calls_in_flight = 2;
  options.limits.max_idle_time = std::chrono::milliseconds(1);
  const auto server = StartServer(options);
  const Dawdler slow("slow", server->addresses().front());
  const auto stub = Connect(*server);
  while (CountersOf(*stub).begun_count() < 1) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(600));  // more than two heartbeats
  EXPECT_EQ(CountersOf(*stub).cancelled_count(), 0u);
}

TEST(ExpiredCalls, AreDroppedAndCountedWithoutBeingComputed) {
  server::ServerOptions options;
  options.limits.max_calls_in_flight = 1;
  const auto server = StartServer(options);
  const auto stub = Connect(*server);
  RunningCall heavy = StartCall(*stub, HeavyRequest(4));
  while (CountersOf(*stub).begun_count() < 1) std::this_thread::yield();
  grpc::ClientContext context;
  context.set_deadline(system_clock::now() + std::chrono::milliseconds(50));
  v1::SampleResponse response;
  const grpc::Status late = stub->Sample(&context, RequestOf({{1, 2}}), &response);
  EXPECT_EQ(late.error_code(), grpc::DEADLINE_EXCEEDED);
  EXPECT_TRUE(heavy.status.get().ok());
  const v1::Counters counters = FinalCountersOf(*stub);
  EXPECT_EQ(counters.expired_count(), 1u) << counters.ShortDebugString();
  EXPECT_EQ(counters.answered_count(), 1u);
}

// ------------------------------------------------------------------ streams

// Replies that nobody takes are not piled up: the server stops reading the stream.
TEST(Streams, WhoseRepliesAreNotReadAreNotReadEither) {
  constexpr int kListed = 50000;
  const auto server = StartServer();
  const auto stub = Connect(*server);
  v1::StreamSampleRequest step;
  *step.mutable_request() = RequestOf({std::vector<float>(kListed, 0)});
  step.mutable_request()->add_outputs()->set_top_model_count(kListed);  // some 600 KB each
  grpc::ClientContext context;
  context.set_deadline(system_clock::now() + kSoon);
  const auto stream = stub->StreamSample(&context);
  std::atomic<int> written = 0;
  std::thread writer([&] {
    while (written < 1000 && stream->Write(step)) ++written;
  });
  // Until nothing has happened for a while.
  uint64_t begun = 0;
  for (int quiet = 0; quiet < 10;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const uint64_t now = CountersOf(*stub).begun_count();
    quiet = now == begun && now > 0 ? quiet + 1 : 0;
    begun = now;
  }
  EXPECT_LE(begun, 30u);
  EXPECT_LT(written, 100);
  // Others are served meanwhile: whoever comes over a connection of his own.
  const auto other = v1::SamplerService::NewStub(OwnConnection(server->addresses().front()));
  EXPECT_TRUE(CallUntil(*other, grpc::OK).ok());
  context.TryCancel();
  writer.join();
  stream->Finish();
  FinalCountersOf(*stub);
}

}  // namespace
}  // namespace boltzmann::test
