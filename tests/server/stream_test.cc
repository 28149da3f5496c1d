// StreamSample: many requests on one stream, answered in their order.
#include "server/stream.h"

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "tests/conformance/requests.h"
#include "tests/server/heavy.h"

namespace boltzmann::test {
namespace {

using ClientStream = grpc::ClientReaderWriter<v1::StreamSampleRequest, v1::StreamSampleResponse>;

// A stream to a server of its own.
class StreamSample : public testing::Test {
 protected:
  std::unique_ptr<ClientStream> Open(grpc::ClientContext& context) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    return stub_->StreamSample(&context);
  }

  std::unique_ptr<server::Server> server_ = StartServer();
  std::unique_ptr<v1::SamplerService::Stub> stub_ = Connect(*server_);
  grpc::ClientContext context_;
  std::unique_ptr<ClientStream> stream_ = Open(context_);
};

// A request that can be told from others by its reply: the token drawn is `token`.
v1::StreamSampleRequest RequestFor(int token, int vocab_size = 64) {
  std::vector<float> row(vocab_size, 0.0f);
  row[token] = 100;
  v1::StreamSampleRequest request;
  *request.mutable_request() = RequestOf({row});
  request.mutable_request()->add_params()->set_temperature(0);
  return request;
}

TEST_F(StreamSample, AnswersInTheOrderOfTheRequestsHoweverLongEachTakes) {
  constexpr int kRequests = 5 * server::kMaxStreamRequests;
  std::thread writer([this] {
    // Every fourth takes much longer than those after it.
    for (int i = 0; i < kRequests; ++i) {
      ASSERT_TRUE(stream_->Write(RequestFor(i % 64, i % 4 == 0 ? 200000 : 64)));
    }
    stream_->WritesDone();
  });
  v1::StreamSampleResponse response;
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_TRUE(stream_->Read(&response)) << i;
    ASSERT_EQ(response.response().results(0).drawn().token_ids(0), i % 64) << i;
  }
  EXPECT_FALSE(stream_->Read(&response));
  writer.join();
  EXPECT_TRUE(stream_->Finish().ok());
}

TEST_F(StreamSample, AnswersAsSampleDoes) {
  const v1::SampleRequest request = MixedRequest(8, 300, v1::DATA_TYPE_FLOAT32, 7);
  v1::SampleResponse unary;
  grpc::ClientContext context;
  ASSERT_TRUE(stub_->Sample(&context, request, &unary).ok());
  v1::StreamSampleRequest wrapped;
  *wrapped.mutable_request() = request;
  v1::StreamSampleResponse streamed;
  ASSERT_TRUE(stream_->Write(wrapped) && stream_->Read(&streamed));
  EXPECT_EQ(streamed.response().SerializeAsString(), unary.SerializeAsString());
}

TEST_F(StreamSample, TellsWhatIsWrongWithOneRequestAndGoesOn) {
  v1::StreamSampleRequest bad = RequestFor(1);
  bad.mutable_request()->mutable_params(0)->set_top_p(1.7);
  ASSERT_TRUE(stream_->Write(RequestFor(5)) && stream_->Write(bad) &&
              stream_->Write(RequestFor(6)));
  stream_->WritesDone();
  v1::StreamSampleResponse responses[3];
  for (v1::StreamSampleResponse& response : responses) ASSERT_TRUE(stream_->Read(&response));
  EXPECT_EQ(responses[0].response().results(0).drawn().token_ids(0), 5);
  EXPECT_EQ(responses[2].response().results(0).drawn().token_ids(0), 6);
  EXPECT_FALSE(responses[1].has_response());
  const rpc::v1::Status& error = responses[1].error();
  EXPECT_EQ(error.code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(error.message(), "params[0].top_p: 1.7 is outside (0, 1]");
  ASSERT_EQ(error.details_size(), 1);
  EXPECT_THAT(error.details(0).type_url(), testing::EndsWith("google.rpc.BadRequest"));
  EXPECT_TRUE(stream_->Finish().ok());
}

TEST_F(StreamSample, EndsWithOkWhereTheCallerSendsNothing) {
  stream_->WritesDone();
  v1::StreamSampleResponse response;
  EXPECT_FALSE(stream_->Read(&response));
  EXPECT_TRUE(stream_->Finish().ok());
}

TEST_F(StreamSample, ThatTheCallerCancelsLeavesRoomForOthers) {
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(stream_->Write(RequestFor(i, 200000)));
  context_.TryCancel();
  EXPECT_EQ(stream_->Finish().error_code(), grpc::CANCELLED);
  EXPECT_TRUE(CallUntil(*stub_, grpc::OK).ok());
  EXPECT_TRUE(server_->Drain(std::chrono::seconds(60)).ok());
}

TEST_F(StreamSample, ThatIsIdleDoesNotHoldUpADrain) {
  v1::StreamSampleResponse response;
  ASSERT_TRUE(stream_->Write(RequestFor(3)) && stream_->Read(&response));
  EXPECT_TRUE(server_->Drain(std::chrono::seconds(60)).ok());
  EXPECT_FALSE(stream_->Read(&response));
  EXPECT_FALSE(stream_->Finish().ok());
}

}  // namespace
}  // namespace boltzmann::test
