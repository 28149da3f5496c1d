#include "client/request_bytes.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "tests/client/raw_server.h"
#include "tests/client/tracked.h"

namespace boltzmann::client {
namespace {

using google::protobuf::util::MessageDifferencer;
using test::BytesOf;
using test::Tracked;
using ::testing::HasSubstr;

// A request with something in every field besides the logits' bytes.
template <typename Request>
Request Batch() {
  Request request;
  request.mutable_logits()->set_data_type(v1::DATA_TYPE_FLOAT16);
  request.mutable_logits()->set_vocab_size(1000);
  request.mutable_logits()->set_row_count(2);
  request.mutable_logits()->set_row_stride_bytes(4096);
  request.add_params()->set_top_p(0.9);
  request.add_params()->add_filter_order("top_p");
  return request;
}

// What the bytes for `request` and a payload parse to, by the copying way and by the other.
template <typename Request>
void ExpectTheSameMessage(const Request& request, const std::string& logits) {
  Request copied = request;
  copied.mutable_logits()->set_inline_data(logits);
  Request parsed;
  ASSERT_TRUE(parsed.ParseFromString(BytesOf(*RequestBytes(copied))));
  EXPECT_TRUE(MessageDifferencer::Equals(parsed, copied));
  Tracked payload(logits);
  ASSERT_TRUE(
      parsed.ParseFromString(BytesOf(*RequestBytes(request, request.logits(), payload.Lend()))));
  EXPECT_TRUE(MessageDifferencer::Equals(parsed, copied));
  EXPECT_EQ(parsed.SerializeAsString(), copied.SerializeAsString());
  EXPECT_EQ(payload.releases(), 1);
}

TEST(RequestBytes, ParseToTheMessageThatHasThePayloadInIt) {
  v1::VerifyRequest verify = Batch<v1::VerifyRequest>();
  verify.add_sequences()->add_draft_token_ids(7);
  for (const size_t size : {0, 1, 127, 128, 8192, 100'000, 3'000'000}) {
    const std::string logits(size, 'x');
    ExpectTheSameMessage(Batch<v1::SampleRequest>(), logits);
    ExpectTheSameMessage(Batch<v1::ScoreRequest>(), logits);
    ExpectTheSameMessage(Batch<v1::DescribeRequest>(), logits);
    ExpectTheSameMessage(verify, logits);
    ExpectTheSameMessage(v1::SampleRequest(), logits);
  }
}

TEST(RequestBytes, ParseToTheMessageOfAStream) {
  const v1::SampleRequest request = Batch<v1::SampleRequest>();
  v1::StreamSampleRequest expected;
  *expected.mutable_request() = request;
  v1::StreamSampleRequest parsed;
  ASSERT_TRUE(
      parsed.ParseFromString(BytesOf(*RequestBytes(request, Envelope::kStreamSampleRequest))));
  EXPECT_TRUE(MessageDifferencer::Equals(parsed, expected));
  Tracked payload(std::string(4000, 'y'));
  expected.mutable_request()->mutable_logits()->set_inline_data(payload.bytes());
  ASSERT_TRUE(parsed.ParseFromString(BytesOf(
      *RequestBytes(request, request.logits(), payload.Lend(), Envelope::kStreamSampleRequest))));
  EXPECT_TRUE(MessageDifferencer::Equals(parsed, expected));
}

TEST(RequestBytes, OfAnEmptyRequestAreNone) {
  EXPECT_EQ(BytesOf(*RequestBytes(v1::GetServerInfoRequest())), "");
}

TEST(RequestBytes, HoldThePayloadWhereItLies) {
  Tracked payload(std::string(1000, 'x'));
  {
    const v1::SampleRequest request = Batch<v1::SampleRequest>();
    const auto bytes = RequestBytes(request, request.logits(), payload.Lend());
    std::vector<grpc::Slice> slices;
    ASSERT_TRUE(bytes->Dump(&slices).ok());
    EXPECT_EQ(slices.back().begin(), reinterpret_cast<const uint8_t*>(payload.bytes().data()));
    EXPECT_EQ(payload.releases(), 0);
  }
  EXPECT_EQ(payload.releases(), 1);
}

TEST(RequestBytes, AreRefusedWithASourceOfLogitsBesidesThePayload) {
  v1::SampleRequest requests[3];
  requests[0].mutable_logits()->set_inline_data("");
  requests[1].mutable_logits()->mutable_sparse_rows();
  requests[2].mutable_logits()->mutable_shared_rows();
  for (const v1::SampleRequest& request : requests) {
    Tracked payload("1234");
    const auto bytes = RequestBytes(request, request.logits(), payload.Lend());
    EXPECT_EQ(bytes.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(payload.releases(), 1);
  }
}

// The payload is never looked at, so that it need not be there.
TEST(RequestBytes, AreRefusedFromTwoGibibytes) {
  constexpr size_t kLargest = std::numeric_limits<int>::max();
  for (const size_t size : {kLargest, kLargest - 5, std::numeric_limits<size_t>::max() / 2}) {
    const auto bytes = RequestBytes(v1::SampleRequest(), v1::Logits(), {nullptr, size, nullptr});
    EXPECT_EQ(bytes.status().code(), absl::StatusCode::kResourceExhausted) << size;
    EXPECT_THAT(std::string(bytes.status().message()), HasSubstr("no message may have 2 GiB"));
  }
}

}  // namespace
}  // namespace boltzmann::client
