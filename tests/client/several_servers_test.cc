// A client of several servers, which answer as the tests say.
#include <gmock/gmock.h>
#include <grpcpp/ext/health_check_service_server_builder_option.h>
#include <grpcpp/health_check_service_interface.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "client/client.h"
#include "client/sample_stream.h"
#include "client/shared_region.h"
#include "tests/client/breaking_server.h"
#include "tests/client/fake_server.h"
#include "tests/client/run_command.h"

namespace boltzmann::client {
namespace {

using test::AnswerAlways;
using test::AnswerGreedily;
using test::BreakingServer;
using test::FakeServer;
using test::ZeroLogits;
using ::testing::HasSubstr;

constexpr char kService[] = "boltzmann.v1.SamplerService";

// Servers with gRPC's health service, as boltzmann-server has it.
class SeveralServers : public testing::Test {
 protected:
  SeveralServers() { grpc::EnableDefaultHealthCheckService(true); }
  ~SeveralServers() override { grpc::EnableDefaultHealthCheckService(false); }

  static std::unique_ptr<FakeServer> Serve(const test::FakeService::Answer& answer) {
    auto server = std::make_unique<FakeServer>(answer);
    SetServing(*server, true);
    return server;
  }

  static void SetServing(FakeServer& server, bool serving) {
    server.grpc_server().GetHealthCheckService()->SetServingStatus(kService, serving);
  }

  static std::string ListOf(const FakeServer& a, const FakeServer& b) {
    return "ipv4:" + a.address() + "," + b.address();
  }

  // Calls until `server` has been called `count` times, all of them well.
  static void CallUntilAsked(const Client& client, FakeServer& server, size_t count) {
    for (int i = 0; i < 1000 && server.service().requests().size() < count; ++i) {
      const absl::Status status = client.Sample(ZeroLogits(1, 1)).status();
      ASSERT_TRUE(status.ok()) << status;
      absl::SleepFor(absl::Milliseconds(1));
    }
    ASSERT_GE(server.service().requests().size(), count);
  }
};

TEST_F(SeveralServers, AreCalledByTurns) {
  const auto a = Serve(AnswerGreedily);
  const auto b = Serve(AnswerGreedily);
  const auto client = Client::Create({.target = ListOf(*a, *b), .timeout = absl::Minutes(1)});
  CallUntilAsked(*client, *a, 1);
  CallUntilAsked(*client, *b, 1);
  const size_t before = a->service().requests().size();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(client->Sample(ZeroLogits(1, 1)).ok());
  EXPECT_EQ(a->service().requests().size() - before, 10u);
}

// A server that has no room or drains is asked, and then the other.
TEST_F(SeveralServers, TakeACallThatOneOfThemRefuses) {
  for (const auto code : {grpc::UNAVAILABLE, grpc::RESOURCE_EXHAUSTED}) {
    const auto good = Serve(AnswerGreedily);
    const auto bad = Serve(AnswerAlways({code, "not here"}));
    const auto client =
        Client::Create({.target = ListOf(*good, *bad), .timeout = absl::Minutes(1)});
    CallUntilAsked(*client, *bad, 5);
  }
}

TEST_F(SeveralServers, LeaveOutTheOneWhoseHealthServiceSaysThatItDrains) {
  const auto good = Serve(AnswerGreedily);
  const auto draining = Serve(AnswerGreedily);
  const auto client = Client::Create(
      {.target = ListOf(*good, *draining), .timeout = absl::Minutes(1), .max_attempts = 1});
  CallUntilAsked(*client, *draining, 1);
  SetServing(*draining, false);
  size_t before = 0;
  for (int i = 0; i < 100; ++i) {  // until the news has arrived
    before = draining->service().requests().size();
    for (int call = 0; call < 4; ++call) ASSERT_TRUE(client->Sample(ZeroLogits(1, 1)).ok());
    if (draining->service().requests().size() == before) break;
    absl::SleepFor(absl::Milliseconds(20));
  }
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(client->Sample(ZeroLogits(1, 1)).ok());
  EXPECT_EQ(draining->service().requests().size(), before);
  SetServing(*draining, true);
  CallUntilAsked(*client, *draining, before + 1);
}

TEST_F(SeveralServers, DoNotShareMemory) {
  const auto client = Client::Create({.target = "ipv4:127.0.0.1:1,127.0.0.1:2"});
  const absl::Status status =
      SharedRegion::Create(*client, {.directory = "/dev/shm", .size_bytes = 4096}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("target: lists several servers"));
}

// The counters would be those of one of them.
TEST_F(SeveralServers, AreLoadedWithoutAWordOnTheServersOwnTime) {
  const auto a = Serve(AnswerGreedily);
  const auto b = Serve(AnswerGreedily);
  const test::CommandResult result =
      test::RunCommand({"load", "--server", ListOf(*a, *b), "--requests", "50", "--warmup", "0",
                        "--vocab_size", "10", "--verify", "1", "--format", "json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, ::testing::Not(HasSubstr("\"server_time\"")));
  EXPECT_GT(a->service().requests().size(), 10u);
  EXPECT_GT(b->service().requests().size(), 10u);
}

// gRPC's own retries end with the first byte of an answer.
TEST(Client, TriesAgainWhatBreaksInTheMiddleOfAnAnswer) {
  const BreakingServer server(2);
  const auto client =
      Client::Create({.target = server.address(), .timeout = absl::Minutes(1), .max_attempts = 3});
  const auto info = client->GetServerInfo();
  EXPECT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(server.call_count(), 3);
}

TEST(Client, GivesUpOnWhatBreaksEveryTime) {
  const BreakingServer server(100);
  const auto client =
      Client::Create({.target = server.address(), .timeout = absl::Minutes(1), .max_attempts = 2});
  EXPECT_EQ(client->GetServerInfo().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(server.call_count(), 2);
}

TEST(SampleStream, BreaksWithItsServerAndIsTheCallersToReopen) {
  const BreakingServer server(1);
  const auto client = Client::Create({.target = server.address(), .timeout = absl::Minutes(1)});
  const auto stream = *SampleStream::Open(*client);
  EXPECT_EQ(stream->Receive().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(stream->broken());
  EXPECT_EQ(stream->Send(ZeroLogits(1, 1)).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(server.call_count(), 1);
}

}  // namespace
}  // namespace boltzmann::client
