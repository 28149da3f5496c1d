// Bodies that no client library would send.
#include <random>
#include <string>

#include "gmock/gmock.h"
#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "tests/conformance/requests.h"
#include "tests/server/heavy.h"

namespace boltzmann::test {
namespace {

class Hostile : public testing::Test {
 protected:
  // The answer to a call with these bytes as its body.
  grpc::Status Send(const std::string& body, const std::string& method = "Sample") {
    grpc::Slice slice(body);
    grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer reply;
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    const auto call =
        stub_.PrepareUnaryCall(&context, "/boltzmann.v1.SamplerService/" + method, request, &queue);
    grpc::Status status;
    call->StartCall();
    call->Finish(&reply, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return status;
  }

  void ExpectStillServing() { EXPECT_TRUE(CallUntil(*Connect(*server_), grpc::OK).ok()); }

  std::unique_ptr<server::Server> server_ = StartServer({.limits = {.max_message_bytes = 1 << 20}});
  grpc::GenericStub stub_{
      grpc::CreateChannel(server_->addresses().front(), grpc::InsecureChannelCredentials())};
};

TEST_F(Hostile, ABodyThatIsNoRequestIsABadArgument) {
  for (const std::string method : {"Sample", "Score", "Verify", "Describe"}) {
    const grpc::Status status = Send("\xff\xff\xff\xff", method);
    EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT) << method;
    EXPECT_THAT(status.error_message(),
                testing::HasSubstr("not a boltzmann.v1." + method + "Request"));
  }
}

TEST_F(Hostile, AnEmptyBodyIsABadArgument) {
  EXPECT_EQ(Send("").error_code(), grpc::INVALID_ARGUMENT);
}

TEST_F(Hostile, ATruncatedRequestIsABadArgumentUnlessWhatIsLeftIsARequest) {
  const std::string body = MixedRequest(3, 20, v1::DATA_TYPE_FLOAT32, 9).SerializeAsString();
  for (size_t size = 0; size < body.size(); ++size) {
    const std::string left = body.substr(0, size);
    const grpc::StatusCode code = Send(left).error_code();
    if (code == grpc::OK) {
      v1::SampleRequest request;
      EXPECT_TRUE(request.ParseFromString(left)) << size;
      EXPECT_EQ(request.logits().inline_data().size(), 3 * 20 * sizeof(float)) << size;
    } else {
      EXPECT_EQ(code, grpc::INVALID_ARGUMENT) << size;
    }
  }
  EXPECT_TRUE(Send(body).ok());
}

// Half of them with a few bits flipped, the others random.
std::string Spoiled(std::string body, int i, std::mt19937& random) {
  if (i % 2 == 0) {
    for (int flips = 1 + random() % 4; flips > 0; --flips) {
      body[random() % body.size()] ^= static_cast<char>(1 << random() % 8);
    }
  } else {
    for (char& byte : body) byte = static_cast<char>(random());
  }
  return body;
}

// A request with something in every field that holds others.
v1::VerifyRequest NestedRequest() {
  v1::VerifyRequest request = VerifyRequestOf({1, 2, 3}, {{2, 0}, {}});
  auto& params = *request.add_params();
  params.mutable_logit_bias()->add_token_ids(1);
  params.mutable_logit_bias()->add_biases(.5);
  params.add_banned_sequences()->add_token_ids(2);
  params.add_filter_order("temperature");
  auto& sequence = *request.mutable_sequences(0);
  sequence.mutable_state()->add_output_token_ids(1);
  for (int i = 0; i < 2; ++i) {
    auto& draft = *sequence.add_sparse_draft();
    for (int id : {2, 0}) draft.add_token_ids(id), draft.add_probabilities(.5);
  }
  for (int i = 0; i < 3; ++i) sequence.add_masks()->set_words("\x07\0\0\0", 4);
  return request;
}

TEST_F(Hostile, RandomBytesAndFlippedBitsNeverEndTheServer) {
  std::mt19937 random(1);
  const std::string sample = MixedRequest(3, 20, v1::DATA_TYPE_FLOAT16, 9).SerializeAsString();
  const std::string verify = NestedRequest().SerializeAsString();
  EXPECT_TRUE(Send(verify, "Verify").ok());
  for (int i = 0; i < 1000; ++i) {
    const bool verifies = i % 4 < 2;
    const std::string body = Spoiled(verifies ? verify : sample, i, random);
    const grpc::StatusCode code = Send(body, verifies ? "Verify" : "Sample").error_code();
    EXPECT_TRUE(code == grpc::OK || code == grpc::INVALID_ARGUMENT ||
                code == grpc::RESOURCE_EXHAUSTED)
        << code;
  }
  ExpectStillServing();
}

TEST_F(Hostile, EntriesOfTwoBytesAreExhaustedBeforeTheyTakeMemory) {
  std::string body;
  while (body.size() < 1000000) body += std::string("\x12\0", 2);  // empty params
  const grpc::Status status = Send(body);
  EXPECT_EQ(status.error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), testing::HasSubstr("entries would take more than 67108864"));
  ExpectStillServing();
}

TEST_F(Hostile, AMessageBeyondTheLimitIsExhausted) {
  EXPECT_EQ(Send(std::string((1 << 20) + 1, 'x')).error_code(), grpc::RESOURCE_EXHAUSTED);
  ExpectStillServing();
}

}  // namespace
}  // namespace boltzmann::test
