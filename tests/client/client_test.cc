#include "client/client.h"

#include <gmock/gmock.h>
#include <grpcpp/channel.h>
#include <grpcpp/support/channel_arguments.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "boltzmann/rpc/v1/error.pb.h"
#include "tests/client/fake_server.h"

namespace boltzmann::client {
namespace {

using test::AnswerAlways;
using test::AnswerGreedily;
using test::FakeServer;
using test::FakeService;
using test::ZeroLogits;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// Long enough for any machine; only tests of the deadline itself use a short one.
constexpr absl::Duration kLong = absl::Hours(1);

Client ClientOf(const FakeServer& server, int max_attempts = 5) {
  return *Client::Create(
      {.target = server.address(), .timeout = kLong, .max_attempts = max_attempts});
}

// Answers `status` to the first `failures` calls, then greedily.
FakeService::Answer FailFirst(int failures, grpc::StatusCode code) {
  auto left = std::make_shared<std::atomic<int>>(failures);
  return [left, code](grpc::ServerContext& context, const v1::SampleRequest& request,
                      v1::SampleResponse& response) {
    if ((*left)-- > 0) return grpc::Status(code, "not now");
    return AnswerGreedily(context, request, response);
  };
}

// An answer with `count` empty entries, whatever is asked.
template <typename Response, typename Entry>
auto AnswerWithEntries(Entry* (Response::*add)(), int count) {
  return [add, count](auto&, const auto&, Response& response) {
    for (int i = 0; i < count; ++i) (response.*add)();
    return grpc::Status::OK;
  };
}

TEST(ClientOptions, AreRefusedOutsideTheirRanges) {
  EXPECT_THAT(std::string(Client::Create({.target = ""}).status().message()),
              HasSubstr("target: is empty"));
  EXPECT_THAT(std::string(Client::Create({.max_attempts = 0}).status().message()),
              HasSubstr("max_attempts: 0 is outside [1, 5]"));
  EXPECT_THAT(std::string(Client::Create({.max_attempts = 6}).status().message()),
              HasSubstr("max_attempts: 6 is outside [1, 5]"));
  for (const absl::Duration timeout :
       {absl::ZeroDuration(), -absl::Seconds(1), absl::InfiniteDuration()}) {
    EXPECT_EQ(Client::Create({.timeout = timeout}).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(Client, ReturnsTheReply) {
  FakeServer server(AnswerGreedily);
  const auto response = ClientOf(server).Sample(ZeroLogits(3, 5));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->results_size(), 3);
  EXPECT_EQ(ClientOf(server).GetServerInfo()->version(), "1.2.3");
}

TEST(Client, CallsTheMethodsOfTheirNames) {
  FakeServer server(AnswerGreedily);
  const Client client = ClientOf(server);
  v1::VerifyRequest request;
  request.add_sequences()->add_draft_token_ids(7);
  request.add_sequences();
  const auto verified = client.Verify(request);
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->results_size(), 2);
  EXPECT_EQ(verified->results(0).accepted_count(), 1u);
  EXPECT_EQ(client.Score(ZeroLogits<v1::ScoreRequest>(3, 5))->results_size(), 3);
  EXPECT_EQ(client.Describe(ZeroLogits<v1::DescribeRequest>(3, 5))->descriptions_size(), 3);
}

TEST(Client, SetsADeadlineOnEveryCall) {
  FakeServer server(AnswerGreedily);
  const Client client = ClientOf(server);
  ASSERT_TRUE(client.Sample(ZeroLogits(1, 1)).ok());
  ASSERT_TRUE(client.Score(ZeroLogits<v1::ScoreRequest>(1, 1)).ok());
  ASSERT_TRUE(client.Verify({}).ok());
  ASSERT_TRUE(client.Describe(ZeroLogits<v1::DescribeRequest>(1, 1)).ok());
  ASSERT_TRUE(client.GetServerInfo().ok());
  const auto now = std::chrono::system_clock::now();
  ASSERT_EQ(server.service().deadlines().size(), 5u);
  for (const auto deadline : server.service().deadlines()) {
    EXPECT_GT(deadline, now + absl::ToChronoHours(kLong) / 2);
    EXPECT_LT(deadline, now + absl::ToChronoHours(kLong) * 2);
  }
}

TEST(Client, GivesUpAtTheDeadline) {
  FakeServer server([](grpc::ServerContext& context, const auto&, auto&) {
    while (!context.IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return grpc::Status::CANCELLED;
  });
  const auto client =
      Client::Create({.target = server.address(), .timeout = absl::Milliseconds(200)});
  EXPECT_EQ(client->Sample(ZeroLogits(1, 1)).status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(Client, TriesAgainWhileTheServerIsUnavailable) {
  FakeServer server(FailFirst(2, grpc::UNAVAILABLE));
  const auto response = ClientOf(server, 3).Sample(ZeroLogits(1, 4));
  EXPECT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(server.service().requests().size(), 3u);
}

// The client cancels no call, so that a server has: one that stops does so to calls that have just
// arrived. Before they were tried again, one in ten drains under load lost a call.
TEST(Client, TriesAgainWhatTheServerCutOff) {
  FakeServer server(FailFirst(2, grpc::CANCELLED));
  const auto response = ClientOf(server, 3).Sample(ZeroLogits(1, 4));
  EXPECT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(server.service().requests().size(), 3u);
}

TEST(Client, TriesAgainWithRequestsOfManyMegabytes) {
  FakeServer server(FailFirst(1, grpc::UNAVAILABLE));
  const v1::SampleRequest request = ZeroLogits(16, 128256);
  const auto response = ClientOf(server).Sample(request);
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(server.service().requests().size(), 2u);
  EXPECT_EQ(server.service().requests()[1].ByteSizeLong(), request.ByteSizeLong());
}

TEST(Client, GivesUpAfterMaxAttempts) {
  FakeServer server(AnswerAlways({grpc::UNAVAILABLE, "draining"}));
  const absl::Status status = ClientOf(server, 2).Sample(ZeroLogits(1, 1)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(), "draining");
  EXPECT_EQ(server.service().requests().size(), 2u);
}

TEST(Client, DoesNotTryAgainWithOneAttempt) {
  FakeServer server(AnswerAlways({grpc::UNAVAILABLE, "draining"}));
  EXPECT_FALSE(ClientOf(server, 1).Sample(ZeroLogits(1, 1)).ok());
  EXPECT_EQ(server.service().requests().size(), 1u);
}

TEST(Client, DoesNotTryAgainOnAnyOtherError) {
  for (int code = 1; code <= 16; ++code) {
    if (code == grpc::UNAVAILABLE || code == grpc::RESOURCE_EXHAUSTED) continue;
    if (code == grpc::CANCELLED) continue;
    FakeServer server(FailFirst(1, static_cast<grpc::StatusCode>(code)));
    const absl::Status status = ClientOf(server).Sample(ZeroLogits(1, 1)).status();
    EXPECT_EQ(static_cast<int>(status.code()), code);
    EXPECT_EQ(server.service().requests().size(), 1u) << "code " << code;
  }
}

// A server that has no room at first says so with RESOURCE_EXHAUSTED and `pushback`, and answers
// the calls after that. When each came goes to `times`.
FakeService::Answer PushBackFirst(int failures, const std::string& pushback,
                                  std::vector<absl::Time>& times) {
  return [=, &times](grpc::ServerContext& context, const v1::SampleRequest& request,
                     v1::SampleResponse& response) {
    times.push_back(absl::Now());
    if (static_cast<int>(times.size()) > failures) {
      return AnswerGreedily(context, request, response);
    }
    context.AddTrailingMetadata("grpc-retry-pushback-ms", pushback);
    return grpc::Status(grpc::RESOURCE_EXHAUSTED, "queue full");
  };
}

// Without the server's word the pauses are below 100 ms.
TEST(Client, WaitsForAsLongAsAServerWithoutRoomSays) {
  std::vector<absl::Time> times;
  FakeServer server(PushBackFirst(2, "300", times));
  const auto response = ClientOf(server, 3).Sample(ZeroLogits(1, 4));
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(times.size(), 3u);
  EXPECT_GE(times[1] - times[0], absl::Milliseconds(290));
  EXPECT_GE(times[2] - times[1], absl::Milliseconds(290));
}

TEST(Client, DoesNotTryAgainWhereTheServerSaysThatItIsOfNoUse) {
  std::vector<absl::Time> times;
  FakeServer server(PushBackFirst(1, "-1", times));
  const absl::Status status = ClientOf(server, 3).Sample(ZeroLogits(1, 4)).status();
  EXPECT_EQ(status, absl::ResourceExhaustedError("queue full"));
  EXPECT_EQ(times.size(), 1u);
}

TEST(Client, NamesItsCallerInEveryCall) {
  FakeServer server(AnswerGreedily);
  const Client client = ClientOf(server);
  const Client copy = client;
  ASSERT_TRUE(client.Sample(ZeroLogits(1, 1)).ok());
  ASSERT_TRUE(client.GetServerInfo().ok());
  ASSERT_TRUE(copy.Score(ZeroLogits<v1::ScoreRequest>(1, 1)).ok());
  ASSERT_TRUE(ClientOf(server).GetServerInfo().ok());
  const std::vector<std::string> callers = server.service().callers();
  EXPECT_THAT(callers[0], MatchesRegex("[0-9a-f]{32}"));
  EXPECT_EQ(callers[1], callers[0]);
  EXPECT_EQ(callers[2], callers[0]);
  EXPECT_NE(callers[3], callers[0]);
}

TEST(Client, TakesTheNameOfItsCallerFromTheOptions) {
  FakeServer server(AnswerGreedily);
  const auto client = Client::Create({.target = server.address(), .caller = "scheduler-7"});
  ASSERT_TRUE(client->GetServerInfo().ok());
  EXPECT_EQ(server.service().callers().at(0), "scheduler-7");
  for (const std::string& caller : {std::string("a b"), std::string("\n"), std::string(129, 'x')}) {
    EXPECT_EQ(Client::Create({.caller = caller}).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(Client, SaysUnavailableWhereNoServerIs) {
  const auto client = Client::Create({.target = "unix:/no/such/socket", .timeout = kLong});
  EXPECT_EQ(client->GetServerInfo().status().code(), absl::StatusCode::kUnavailable);
}

TEST(Client, TakesRepliesLargerThanTheLibrarysLimit) {
  FakeServer server([](grpc::ServerContext& context, const auto& request, auto& response) {
    AnswerGreedily(context, request, response);
    response.mutable_results(0)->set_message(std::string(8 << 20, 'x'));
    return grpc::Status::OK;
  });
  const auto response = ClientOf(server).Sample(ZeroLogits(1, 1));
  EXPECT_TRUE(response.ok()) << response.status();
}

TEST(Client, TakesListsOfViolationsLargerThanTheLibrarysLimit) {
  rpc::v1::BadRequest bad_request;
  for (int i = 0; i < 2000; ++i) {
    auto* violation = bad_request.add_field_violations();
    violation->set_field("params[" + std::to_string(i) + "].top_p");
    violation->set_description("1.7 is outside (0, 1]");
  }
  rpc::v1::Status details;
  details.add_details()->set_type_url("type.googleapis.com/google.rpc.BadRequest");
  details.mutable_details(0)->set_value(bad_request.SerializeAsString());
  FakeServer server(AnswerAlways({grpc::INVALID_ARGUMENT, "many", details.SerializeAsString()}));
  const absl::Status status = ClientOf(server).Sample(ZeroLogits(1, 1)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("\nparams[1999].top_p: 1.7 is outside (0, 1]"));
}

TEST(Client, RefusesAReplyThatLacksRows) {
  FakeServer server(AnswerAlways(grpc::Status::OK));
  const absl::Status status = ClientOf(server).Sample(ZeroLogits(2, 1)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(status.message(), "the server answered with 0 results for 2 rows");
}

// One row more than asked for is as wrong as one row less.
TEST(Client, RefusesRepliesOfEveryMethodThatLackEntriesOrHaveTooMany) {
  FakeServer server(AnswerGreedily);
  server.service().score.AnswerWith(AnswerWithEntries(&v1::ScoreResponse::add_results, 1));
  server.service().verify.AnswerWith(AnswerWithEntries(&v1::VerifyResponse::add_results, 1));
  server.service().describe.AnswerWith(
      AnswerWithEntries(&v1::DescribeResponse::add_descriptions, 1));
  const Client client = ClientOf(server);
  const absl::Status scored = client.Score(ZeroLogits<v1::ScoreRequest>(2, 1)).status();
  EXPECT_EQ(scored.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(scored.message(), "the server answered with 1 results for 2 rows");
  const absl::Status verified = client.Verify({}).status();
  EXPECT_EQ(verified.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(verified.message(), "the server answered with 1 results for 0 sequences");
  const absl::Status described = client.Describe(ZeroLogits<v1::DescribeRequest>(2, 1)).status();
  EXPECT_EQ(described.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(described.message(), "the server answered with 1 descriptions for 2 rows");
}

TEST(Client, TellsTheErrorsOfEveryMethod) {
  FakeServer server(AnswerGreedily);
  const auto refuse = [](auto&, const auto&, auto&) {
    return grpc::Status(grpc::INVALID_ARGUMENT, "not like that");
  };
  server.service().score.AnswerWith(refuse);
  server.service().verify.AnswerWith(refuse);
  server.service().describe.AnswerWith(refuse);
  const Client client = ClientOf(server);
  for (const absl::Status& status :
       {client.Score({}).status(), client.Verify({}).status(), client.Describe({}).status()}) {
    EXPECT_EQ(status, absl::InvalidArgumentError("not like that"));
  }
}

TEST(Client, TakesAChannelOfTheCallers) {
  FakeServer server(AnswerGreedily);
  const auto client =
      Client::Create(server.grpc_server().InProcessChannel(grpc::ChannelArguments()), kLong);
  ASSERT_TRUE(client.ok());
  EXPECT_TRUE(client->Sample(ZeroLogits(1, 1)).ok());
  EXPECT_NE(server.service().deadlines()[0], std::chrono::system_clock::time_point::max());
  EXPECT_FALSE(
      Client::Create(server.grpc_server().InProcessChannel({}), absl::InfiniteDuration()).ok());
}

TEST(Client, MayBeUsedByManyThreads) {
  FakeServer server(AnswerGreedily);
  const Client client = ClientOf(server);
  std::atomic<int> done = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int call = 0; call < 10; ++call) done += client.Sample(ZeroLogits(2, 3)).ok();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, 40);
}

}  // namespace
}  // namespace boltzmann::client
