// Payloads on their way through gRPC.
#include "client/payload.h"

#include <grpcpp/channel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "client/client.h"
#include "tests/client/fake_server.h"
#include "tests/client/raw_server.h"
#include "tests/client/tracked.h"

namespace boltzmann::client {
namespace {

using test::AnswerAlways;
using test::AnswerGreedily;
using test::FakeServer;
using test::RawServer;
using test::Tracked;
using test::ZeroLogits;

constexpr absl::Duration kLong = absl::Hours(1);

Client ClientOf(const FakeServer& server) {
  return *Client::Create({.target = server.address(), .timeout = kLong});
}

// Rows of 1000 float32 logits without the logits.
template <typename Request = v1::SampleRequest>
Request RowsWithoutLogits(uint32_t rows) {
  Request request = ZeroLogits<Request>(rows, 1000);
  request.mutable_logits()->clear_inline_data();
  return request;
}

Tracked LogitsFor(uint32_t rows) { return Tracked(std::string(4000 * rows, '\0')); }

// Whether a slice of the message begins where the payload lies.
bool HoldsAddress(const grpc::ByteBuffer& message, const std::string& payload) {
  std::vector<grpc::Slice> slices;
  message.Dump(&slices);
  for (const grpc::Slice& slice : slices) {
    if (slice.begin() == reinterpret_cast<const uint8_t*>(payload.data())) return true;
  }
  return false;
}

TEST(Payload, TakesAVectorOver) {
  std::vector<float> logits = {1, 2, 3};
  const float* const at = logits.data();
  const Payload payload = PayloadOf(std::move(logits));
  EXPECT_EQ(payload.data, at);
  EXPECT_EQ(payload.size, 3 * sizeof(float));
}

TEST(Payload, ArrivesAsTheInlineDataOfEveryMethod) {
  FakeServer server(AnswerGreedily);
  const Client client = ClientOf(server);
  Tracked logits = LogitsFor(3);
  const auto sampled = client.Sample(RowsWithoutLogits(3), logits.Lend());
  EXPECT_TRUE(sampled.ok()) << sampled.status();
  EXPECT_TRUE(client.Score(RowsWithoutLogits<v1::ScoreRequest>(3), logits.Lend()).ok());
  EXPECT_TRUE(client.Describe(RowsWithoutLogits<v1::DescribeRequest>(3), logits.Lend()).ok());
  EXPECT_TRUE(client.Verify(RowsWithoutLogits<v1::VerifyRequest>(3), logits.Lend()).ok());
  const auto expect_all = [](const auto& requests, const auto& expected) {
    ASSERT_EQ(requests.size(), 1u);
    EXPECT_EQ(requests[0].SerializeAsString(), expected.SerializeAsString());
  };
  expect_all(server.service().requests(), ZeroLogits(3, 1000));
  expect_all(server.service().score.requests(), ZeroLogits<v1::ScoreRequest>(3, 1000));
  expect_all(server.service().describe.requests(), ZeroLogits<v1::DescribeRequest>(3, 1000));
  expect_all(server.service().verify.requests(), ZeroLogits<v1::VerifyRequest>(3, 1000));
}

// A channel in process hands slices on as they are: the server sees the payload's own address.
TEST(Payload, IsNotCopied) {
  RawServer server;
  const Client client = *Client::Create(server.InProcessChannel(), kLong);
  Tracked logits = LogitsFor(1);
  for (int i = 0; i < 2; ++i) {
    const v1::SampleRequest no_rows;
    const auto response =
        i == 0 ? client.Sample(no_rows, logits.Lend()) : client.Sample(ZeroLogits(0, 1000));
    ASSERT_TRUE(response.ok()) << response.status();
  }
  ASSERT_EQ(server.messages().size(), 2u);
  EXPECT_TRUE(HoldsAddress(server.messages()[0], logits.bytes()));
  EXPECT_FALSE(HoldsAddress(server.messages()[1], logits.bytes()));
}

TEST(Payload, IsReleasedOnceWhenTheCallSucceeds) {
  FakeServer server(AnswerGreedily);
  const Client client = ClientOf(server);
  for (const uint32_t rows : {1, 1000}) {
    Tracked logits = LogitsFor(rows);
    ASSERT_TRUE(client.Sample(RowsWithoutLogits(rows), logits.Lend()).ok());
    EXPECT_TRUE(logits.IsReleasedEventually());
    EXPECT_EQ(logits.releases(), 1);
  }
}

TEST(Payload, MayBeEmpty) {
  FakeServer server(AnswerGreedily);
  Tracked nothing("");
  EXPECT_TRUE(ClientOf(server).Sample(RowsWithoutLogits(0), nothing.Lend()).ok());
  EXPECT_TRUE(server.service().requests().at(0).logits().has_inline_data());
  EXPECT_TRUE(nothing.IsReleasedEventually());
}

TEST(Payload, IsReleasedOnceWhenTheCallFails) {
  FakeServer server(AnswerAlways({grpc::INVALID_ARGUMENT, "no"}));
  Tracked logits = LogitsFor(100);
  EXPECT_FALSE(ClientOf(server).Sample(RowsWithoutLogits(100), logits.Lend()).ok());
  EXPECT_TRUE(logits.IsReleasedEventually());
  EXPECT_EQ(logits.releases(), 1);
}

TEST(Payload, IsReleasedAtOnceWhenTheRequestHasASourceBesides) {
  FakeServer server(AnswerGreedily);
  Tracked logits = LogitsFor(1);
  EXPECT_EQ(ClientOf(server).Sample(ZeroLogits(1, 1000), logits.Lend()).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(logits.releases(), 1);
  EXPECT_TRUE(server.service().requests().empty());
}

TEST(Payload, IsReleasedOnceWhereNoServerIs) {
  const auto client = Client::Create({.target = "unix:/no/such/socket", .timeout = kLong});
  Tracked logits = LogitsFor(1);
  EXPECT_FALSE(client->Sample(RowsWithoutLogits(1), logits.Lend()).ok());
  EXPECT_TRUE(logits.IsReleasedEventually());
  EXPECT_EQ(logits.releases(), 1);
}

// 16 MB, of which flow control lets only the first part out.
TEST(Payload, IsReleasedOnceAtTheDeadlineOfACallThatTheServerDoesNotRead) {
  RawServer server(RawServer::Reading::kNever);
  const auto client =
      Client::Create({.target = server.address(), .timeout = absl::Milliseconds(200)});
  Tracked logits = LogitsFor(4000);
  const absl::Status status = client->Sample(RowsWithoutLogits(4000), logits.Lend()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(logits.IsReleasedEventually());
  EXPECT_EQ(logits.releases(), 1);
}

TEST(Payload, IsSentAgainWhenTheCallIsTriedAgain) {
  std::atomic<int> calls = 0;
  FakeServer server([&calls](auto& context, const auto& request, auto& response) {
    if (++calls < 3) return grpc::Status(grpc::UNAVAILABLE, "not now");
    return AnswerGreedily(context, request, response);
  });
  Tracked logits = LogitsFor(1000);
  const auto response = ClientOf(server).Sample(RowsWithoutLogits(1000), logits.Lend());
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(server.service().requests().size(), 3u);
  EXPECT_EQ(server.service().requests()[2].logits().inline_data(), logits.bytes());
  EXPECT_TRUE(logits.IsReleasedEventually());
  EXPECT_EQ(logits.releases(), 1);
}

}  // namespace
}  // namespace boltzmann::client
