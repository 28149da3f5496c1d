// A server from its start to its end, with calls in flight.
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "tests/conformance/door.h"
#include "tests/conformance/requests.h"
#include "tests/server/heavy.h"

namespace boltzmann::test {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using testing::HasSubstr;
using testing::MatchesRegex;

constexpr std::chrono::seconds kLong(60);
constexpr char kSampler[] = "boltzmann.v1.SamplerService";

std::string Message(const absl::Status& status) { return std::string(status.message()); }

absl::Status StartStatus(const std::vector<std::string>& listen) {
  server::ServerOptions options;
  options.listen = listen;
  options.worker_count = 1;
  return server::Server::Start(options).status();
}

TEST(Listen, Port0IsReplacedByThePortThatWasChosen) {
  const auto server = StartServer();
  EXPECT_THAT(server->addresses(), testing::ElementsAre(MatchesRegex("127.0.0.1:[1-9][0-9]*")));
}

TEST(Listen, AnyNumberOfAddressesOfBothKinds) {
  server::ServerOptions options;
  options.listen = {"127.0.0.1:0", NewUnixAddress(), "127.0.0.1:0"};
  const auto server = StartServer(options);
  ASSERT_EQ(server->addresses().size(), 3);
  for (const std::string& address : server->addresses()) {
    const auto stub = v1::SamplerService::NewStub(
        grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
    EXPECT_TRUE(CallUntil(*stub, grpc::OK).ok()) << address;
  }
}

TEST(Listen, ATakenPortIsAnErrorThatNamesIt) {
  const auto first = StartServer();
  const std::string& taken = first->addresses().front();
  const absl::Status status = StartStatus({"127.0.0.1:0", taken});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Message(status), HasSubstr("cannot listen on " + taken));
  EXPECT_TRUE(CallUntil(*Connect(*first), grpc::OK).ok());
}

TEST(Listen, ATakenUnixSocketIsAnErrorThatNamesItAndItsOwnerServesOn) {
  server::ServerOptions options;
  options.listen = {NewUnixAddress()};
  const auto first = StartServer(options);
  const absl::Status status = StartStatus(options.listen);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Message(status), HasSubstr(options.listen.front() + ": another server"));
  EXPECT_TRUE(CallUntil(*Connect(*first), grpc::OK).ok());
}

TEST(Listen, AFileInTheWayOfAUnixSocketIsKept) {
  const std::string address = NewUnixAddress();
  const std::string path = address.substr(5);
  std::ofstream(path) << "precious";
  EXPECT_THAT(Message(StartStatus({address})), HasSubstr("a file that is no socket is in the way"));
  std::string content;
  std::ifstream(path) >> content;
  EXPECT_EQ(content, "precious");
}

TEST(Listen, AddressesOfNoKnownFormAreRefused) {
  for (const char* address :
       {"", "localhost", ":50051", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x", "unix:"}) {
    const absl::Status status = StartStatus({address});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << address;
    EXPECT_THAT(Message(status), HasSubstr("listen: ")) << address;
  }
  EXPECT_EQ(StartStatus({}).code(), absl::StatusCode::kInvalidArgument);
}

TEST(Listen, UnixSocketsHaveTheModeAskedForAndVanishAtTheEnd) {
  server::ServerOptions options;
  options.listen = {NewUnixAddress()};
  options.unix_socket_mode = 0770;
  const std::string path = options.listen.front().substr(5);
  struct stat found;
  {
    const auto server = StartServer(options);
    ASSERT_EQ(stat(path.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0770);
  }
  EXPECT_NE(stat(path.c_str(), &found), 0);
}

HealthCheckResponse::ServingStatus HealthOf(const std::string& address,
                                            const std::string& service) {
  const auto stub =
      Health::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service(service);
  HealthCheckResponse response;
  const grpc::Status status = stub->Check(&context, request, &response);
  if (status.error_code() == grpc::NOT_FOUND) return HealthCheckResponse::SERVICE_UNKNOWN;
  return status.ok() ? response.status() : HealthCheckResponse::UNKNOWN;
}

// gRPC by itself answers calls that come while it shuts down with CANCELLED, which nobody retries.
TEST(Drain, CallsThatComeWhileItEndsAreUnavailableAndNothingElse) {
  for (int round = 0; round < 10; ++round) {
    const auto server = StartServer();
    std::atomic<int> other = 0;
    std::vector<std::thread> callers;
    for (int i = 0; i < 4; ++i) {
      callers.emplace_back([&, stub = std::shared_ptr(Connect(*server))] {
        for (grpc::StatusCode code = grpc::OK; code == grpc::OK;) {
          grpc::ClientContext context;
          v1::SampleResponse response;
          code = stub->Sample(&context, RequestOf({{1, 2}}), &response).error_code();
          // The first failure is the server's own; calls go on until nobody listens any more.
          for (int late = 0; code == grpc::UNAVAILABLE && late < 200; ++late) {
            grpc::ClientContext again;
            code = stub->Sample(&again, RequestOf({{1, 2}}), &response).error_code();
          }
          if (code != grpc::OK && code != grpc::UNAVAILABLE) ++other;
        }
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_TRUE(server->Drain(kLong).ok());
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(other, 0) << round;
  }
}

TEST(Health, TellsOfTheServerAndOfEachService) {
  const auto server = StartServer();
  EXPECT_EQ(HealthOf(server->addresses().front(), ""), HealthCheckResponse::SERVING);
  EXPECT_EQ(HealthOf(server->addresses().front(), kSampler), HealthCheckResponse::SERVING);
  EXPECT_EQ(HealthOf(server->addresses().front(), "other"), HealthCheckResponse::SERVICE_UNKNOWN);
}

TEST(Health, HasAPortOfItsOwnThatServesNothingElse) {
  server::ServerOptions options;
  options.health_listen = "127.0.0.1:0";
  const auto server = StartServer(options);
  const std::string address = server->health_address();
  EXPECT_EQ(HealthOf(address, ""), HealthCheckResponse::SERVING);
  EXPECT_EQ(HealthOf(address, kSampler), HealthCheckResponse::SERVING);
  const auto stub =
      v1::SamplerService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  EXPECT_EQ(CallUntil(*stub, grpc::UNIMPLEMENTED).error_code(), grpc::UNIMPLEMENTED);
}

TEST(Health, WatchersSeeTheDrainAndDoNotHoldItUp) {
  const auto server = StartServer();
  const auto stub = Health::NewStub(
      grpc::CreateChannel(server->addresses().front(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service(kSampler);
  const auto watch = stub->Watch(&context, request);
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  auto drained = std::async(std::launch::async, [&] { return server->Drain(kLong); });
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_TRUE(drained.get().ok());
}

TEST(Reflection, ListsAndDescribesTheServices) {
  const auto server = StartServer();
  grpc::GenericStub stub(
      grpc::CreateChannel(server->addresses().front(), grpc::InsecureChannelCredentials()));
  // A ServerReflectionRequest of file_containing_symbol (field 4).
  for (const std::string symbol : {kSampler, "grpc.health.v1.Health"}) {
    const std::string body = std::string("\x22") + static_cast<char>(symbol.size()) + symbol;
    grpc::Slice slice(body);
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    const auto stream = stub.PrepareCall(
        &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
    const auto wait = [&] {
      void* tag = nullptr;
      bool ok = false;
      queue.Next(&tag, &ok);
      return ok;
    };
    stream->StartCall(nullptr);
    ASSERT_TRUE(wait());
    stream->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    ASSERT_TRUE(wait());
    grpc::ByteBuffer reply;
    stream->Read(&reply, nullptr);
    ASSERT_TRUE(wait()) << symbol;
    EXPECT_GT(reply.Length(), 300) << symbol;  // a file descriptor, not an error
  }
}

TEST(Drain, ACallInFlightFinishesAndLaterCallsAreTurnedAway) {
  BusyServer busy(4);
  auto drained = std::async(std::launch::async, [&] { return busy.server->Drain(kLong); });
  EXPECT_EQ(CallUntil(*busy.stub, grpc::UNAVAILABLE).error_code(), grpc::UNAVAILABLE);
  EXPECT_TRUE(busy.call.status.get().ok());
  EXPECT_EQ(busy.call.response->results_size(), 4);
  EXPECT_TRUE(drained.get().ok());
}

TEST(Drain, CallsThatOutlastTheTimeoutAreCancelled) {
  BusyServer busy(32);
  const absl::Status drained = busy.server->Drain(std::chrono::milliseconds(1));
  EXPECT_EQ(drained.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(busy.call.status.get().ok());
}

TEST(CallsInFlight, AreBoundedAndFreedAgain) {
  BusyServer busy(2);
  EXPECT_TRUE(busy.call.status.get().ok());
  EXPECT_TRUE(CallUntil(*busy.stub, grpc::OK).ok());
}

TEST(Deadline, ACallWhoseTimeIsUpIsDroppedAndTheServerServesOn) {
  const auto server = StartServer();
  const auto stub = Connect(*server);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
  v1::SampleResponse response;
  EXPECT_EQ(stub->Sample(&context, HeavyRequest(32), &response).error_code(),
            grpc::DEADLINE_EXCEEDED);
  EXPECT_TRUE(CallUntil(*stub, grpc::OK).ok());
}

TEST(Deadline, AlreadyPassedIsAnsweredAtOnce) {
  const auto server = StartServer();
  const auto stub = Connect(*server);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() - std::chrono::seconds(1));
  v1::SampleResponse response;
  EXPECT_EQ(stub->Sample(&context, RequestOf({{0, 1}}), &response).error_code(),
            grpc::DEADLINE_EXCEEDED);
  EXPECT_TRUE(CallUntil(*stub, grpc::OK).ok());
}

TEST(Cancel, DropsTheRowsThatHaveNotBegun) {
  BusyServer busy(32);
  busy.call.context->TryCancel();
  EXPECT_EQ(busy.call.status.get().error_code(), grpc::CANCELLED);
  // No call gets a turn before all of its rows are done with, which would take many seconds of
  // work: it takes one row's.
  EXPECT_TRUE(CallUntil(*busy.stub, grpc::OK).ok());
}

}  // namespace
}  // namespace boltzmann::test
