#include "client/sample_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "boltzmann/rpc/v1/error.pb.h"
#include "tests/client/fake_server.h"
#include "tests/client/raw_server.h"
#include "tests/client/tracked.h"

namespace boltzmann::client {
namespace {

using test::AnswerGreedily;
using test::FakeServer;
using test::RawServer;
using test::Tracked;
using test::ZeroLogits;
using ::testing::HasSubstr;

constexpr absl::Duration kLong = absl::Hours(1);
constexpr absl::Duration kShort = absl::Milliseconds(200);

std::unique_ptr<SampleStream> StreamTo(const std::string& address, absl::Duration timeout = kLong) {
  auto stream = SampleStream::Open(*Client::Create({.target = address, .timeout = timeout}));
  EXPECT_TRUE(stream.ok()) << stream.status();
  return *std::move(stream);
}

// One row, whose largest logit is that of `token`.
v1::SampleRequest RequestFor(int token) {
  v1::SampleRequest request = ZeroLogits(1, 100);
  const float one = 1;
  request.mutable_logits()->mutable_inline_data()->replace(
      sizeof(one) * token, sizeof(one), reinterpret_cast<const char*>(&one), sizeof(one));
  return request;
}

// The token that a reply drew; -1 if it is an error.
int TokenOf(const absl::StatusOr<v1::SampleResponse>& reply) {
  EXPECT_TRUE(reply.ok()) << reply.status();
  return reply.ok() ? reply->results(0).drawn().token_ids(0) : -1;
}

grpc::Status WaitUntilCancelled(grpc::ServerContext& context, const v1::SampleRequest&,
                                v1::SampleResponse&) {
  while (!context.IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return grpc::Status::CANCELLED;
}

TEST(SampleStream, AnswersStepAfterStep) {
  FakeServer server(AnswerGreedily);
  const auto stream = StreamTo(server.address());
  for (int token = 0; token < 50; ++token) {
    ASSERT_TRUE(stream->Send(RequestFor(token)).ok());
    EXPECT_EQ(TokenOf(stream->Receive()), token);
  }
  EXPECT_TRUE(stream->Close().ok());
  EXPECT_EQ(server.service().callers().size(), 1u);
}

TEST(SampleStream, GivesTheRepliesToManyRequestsInTheirOrder) {
  FakeServer server(AnswerGreedily);
  const auto stream = StreamTo(server.address());
  for (int token = 0; token < 50; ++token) ASSERT_TRUE(stream->Send(RequestFor(token)).ok());
  for (int token = 0; token < 50; ++token) EXPECT_EQ(TokenOf(stream->Receive()), token);
  EXPECT_TRUE(stream->Close().ok());
}

TEST(SampleStream, SendsWhileAnotherThreadReceives) {
  FakeServer server(AnswerGreedily);
  const auto stream = StreamTo(server.address());
  std::thread sender([&stream] {
    for (int i = 0; i < 500; ++i) EXPECT_TRUE(stream->Send(RequestFor(i % 100)).ok());
  });
  for (int i = 0; i < 500; ++i) EXPECT_EQ(TokenOf(stream->Receive()), i % 100);
  sender.join();
  EXPECT_TRUE(stream->Close().ok());
}

TEST(SampleStream, SendsPayloadsAsInlineData) {
  FakeServer server(AnswerGreedily);
  const auto stream = StreamTo(server.address());
  v1::SampleRequest request = ZeroLogits(1000, 1000);
  Tracked logits(request.logits().inline_data());
  request.mutable_logits()->clear_inline_data();
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(stream->Send(request, logits.Lend()).ok());
    ASSERT_TRUE(stream->Receive().ok());
    EXPECT_TRUE(test::HoldsEventually([&] { return logits.releases() == i; }));
  }
  EXPECT_EQ(server.service().requests().at(2).SerializeAsString(),
            ZeroLogits(1000, 1000).SerializeAsString());
}

TEST(SampleStream, CarriesThePayloadWithoutACopy) {
  RawServer server;
  const auto client = Client::Create(server.InProcessChannel(), kLong);
  const auto stream = SampleStream::Open(*client);
  Tracked logits(std::string(8000, '\0'));
  ASSERT_TRUE((*stream)->Send({}, logits.Lend()).ok());
  EXPECT_EQ((*stream)->Receive().status().message(), "the server answered without an answer");
  std::vector<grpc::Slice> slices;
  ASSERT_EQ(server.messages().size(), 1u);
  ASSERT_TRUE(server.messages()[0].Dump(&slices).ok());
  EXPECT_EQ(static_cast<const void*>(slices.back().begin()), logits.bytes().data());
}

TEST(SampleStream, GoesOnAfterARequestThatTheServerRefuses) {
  rpc::v1::BadRequest bad_request;
  bad_request.add_field_violations()->set_field("rows[0].seed");
  rpc::v1::Status details;
  details.add_details()->set_type_url("type.googleapis.com/google.rpc.BadRequest");
  details.mutable_details(0)->set_value(bad_request.SerializeAsString());
  FakeServer server([&](auto& context, const auto& request, auto& response) {
    if (request.logits().row_count() == 2) {
      return grpc::Status(grpc::INVALID_ARGUMENT, "wrong", details.SerializeAsString());
    }
    return AnswerGreedily(context, request, response);
  });
  const auto stream = StreamTo(server.address());
  for (const v1::SampleRequest& request : {RequestFor(3), ZeroLogits(2, 1), RequestFor(5)}) {
    ASSERT_TRUE(stream->Send(request).ok());
  }
  EXPECT_EQ(TokenOf(stream->Receive()), 3);
  EXPECT_EQ(stream->Receive().status(), absl::InvalidArgumentError("wrong\nrows[0].seed: "));
  EXPECT_FALSE(stream->broken());
  EXPECT_EQ(TokenOf(stream->Receive()), 5);
  EXPECT_TRUE(stream->Close().ok());
}

TEST(SampleStream, GoesOnAfterARequestThatWasNeverSent) {
  FakeServer server(AnswerGreedily);
  const auto stream = StreamTo(server.address());
  Tracked logits("1234");
  EXPECT_EQ(stream->Send(RequestFor(1), logits.Lend()).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(logits.releases(), 1);
  EXPECT_FALSE(stream->broken());
  ASSERT_TRUE(stream->Send(RequestFor(2)).ok());
  EXPECT_EQ(TokenOf(stream->Receive()), 2);
}

TEST(SampleStream, RefusesAReplyThatLacksRows) {
  FakeServer server(test::AnswerAlways(grpc::Status::OK));
  const auto stream = StreamTo(server.address());
  ASSERT_TRUE(stream->Send(ZeroLogits(2, 1)).ok());
  EXPECT_EQ(stream->Receive().status(),
            absl::InternalError("the server answered with 0 results for 2 rows"));
  EXPECT_FALSE(stream->broken());
}

TEST(SampleStream, BreaksWhenNoReplyComesInTime) {
  FakeServer server(WaitUntilCancelled);
  const auto stream = StreamTo(server.address(), kShort);
  ASSERT_TRUE(stream->Send(RequestFor(1)).ok());
  const absl::Status timed_out = absl::DeadlineExceededError("no reply came within the timeout");
  EXPECT_EQ(stream->Receive().status(), timed_out);
  EXPECT_TRUE(stream->broken());
  EXPECT_EQ(stream->Receive().status(), timed_out);
  EXPECT_EQ(stream->Send(RequestFor(1)).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(stream->Close(), timed_out);
}

TEST(SampleStream, GoesOnAfterWaitingInVainForARequest) {
  FakeServer server(AnswerGreedily);
  const auto stream = StreamTo(server.address(), kShort);
  EXPECT_EQ(stream->Receive().status(), absl::DeadlineExceededError("no request is in flight"));
  EXPECT_FALSE(stream->broken());
  ASSERT_TRUE(stream->Send(RequestFor(4)).ok());
  EXPECT_EQ(TokenOf(stream->Receive()), 4);
}

TEST(SampleStream, BreaksWhenFlowControlHoldsARequestUpForTooLong) {
  RawServer server(RawServer::Reading::kNever);
  Tracked logits(std::string(16 << 20, '\0'));
  auto stream = StreamTo(server.address(), kShort);
  absl::Status sent = absl::OkStatus();
  int lent = 0;
  for (; sent.ok() && lent < 8; ++lent) sent = stream->Send({}, logits.Lend());
  EXPECT_EQ(sent.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(stream->broken());
  EXPECT_EQ(stream->Close(),
            absl::DeadlineExceededError("a request could not be sent within the timeout"));
  stream.reset();
  EXPECT_TRUE(test::HoldsEventually([&] { return logits.releases() == lent; }));
}

TEST(SampleStream, ReleasesPayloadsWhenItIsDestroyed) {
  FakeServer server(WaitUntilCancelled);
  Tracked logits(std::string(4 << 20, '\0'));
  {
    const auto stream = StreamTo(server.address());
    std::thread sender([&] {
      for (int i = 0; i < 2; ++i) stream->Send({}, logits.Lend()).IgnoreError();
    });
    sender.join();
  }
  EXPECT_TRUE(test::HoldsEventually([&] { return logits.releases() == 2; }));
}

TEST(SampleStream, SaysHowTheServerEndedIt) {
  auto server = std::make_unique<FakeServer>(WaitUntilCancelled);
  const auto stream = StreamTo(server->address());
  ASSERT_TRUE(stream->Send(RequestFor(1)).ok());
  ASSERT_TRUE(test::HoldsEventually([&] { return !server->service().requests().empty(); }));
  std::thread stopper([&server] { server.reset(); });
  const absl::Status status = stream->Receive().status();
  EXPECT_FALSE(status.ok());
  EXPECT_TRUE(stream->broken());
  EXPECT_EQ(stream->Close(), status);
  stopper.join();
}

TEST(SampleStream, IsNotOpenedWhereNoServerIs) {
  const auto client = Client::Create({.target = "unix:/no/such/socket", .timeout = kLong});
  EXPECT_EQ(SampleStream::Open(*client).status().code(), absl::StatusCode::kUnavailable);
}

TEST(SampleStream, DiscardsOnCloseWhatIsStillToCome) {
  FakeServer server(AnswerGreedily);
  const auto stream = StreamTo(server.address());
  for (int token = 0; token < 5; ++token) ASSERT_TRUE(stream->Send(RequestFor(token)).ok());
  EXPECT_TRUE(stream->Close().ok());
  EXPECT_EQ(server.service().requests().size(), 5u);
  EXPECT_TRUE(stream->broken());
}

TEST(SampleStream, IsCancelledWhenItsServerDoesNotEndIt) {
  FakeServer server(WaitUntilCancelled);
  const auto stream = StreamTo(server.address(), kShort);
  ASSERT_TRUE(stream->Send(RequestFor(1)).ok());
  EXPECT_EQ(stream->Close().code(), absl::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace boltzmann::client
