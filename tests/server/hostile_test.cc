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
  // The answer to a call of Sample with these bytes as its body.
  grpc::Status Send(const std::string& body) {
    grpc::Slice slice(body);
    grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer reply;
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    const auto call =
        stub_.PrepareUnaryCall(&context, "/boltzmann.v1.SamplerService/Sample", request, &queue);
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
  const grpc::Status status = Send("\xff\xff\xff\xff");
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), testing::HasSubstr("not a boltzmann.v1.SampleRequest"));
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

TEST_F(Hostile, RandomBytesAndFlippedBitsNeverEndTheServer) {
  std::mt19937 random(1);
  const std::string valid = MixedRequest(3, 20, v1::DATA_TYPE_FLOAT16, 9).SerializeAsString();
  for (int i = 0; i < 500; ++i) {
    std::string body = valid;
    if (i % 2 == 0) {
      for (int flips = 1 + random() % 4; flips > 0; --flips) {
        body[random() % body.size()] ^= static_cast<char>(1 << random() % 8);
      }
    } else {
      for (char& byte : body) byte = static_cast<char>(random());
    }
    const grpc::StatusCode code = Send(body).error_code();
    EXPECT_TRUE(code == grpc::OK || code == grpc::INVALID_ARGUMENT ||
                code == grpc::RESOURCE_EXHAUSTED)
        << code;
  }
  ExpectStillServing();
}

TEST_F(Hostile, AMessageBeyondTheLimitIsExhausted) {
  EXPECT_EQ(Send(std::string((1 << 20) + 1, 'x')).error_code(), grpc::RESOURCE_EXHAUSTED);
  ExpectStillServing();
}

}  // namespace
}  // namespace boltzmann::test
