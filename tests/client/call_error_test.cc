#include "client/call_error.h"

#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include <string>

#include "boltzmann/rpc/v1/error.pb.h"

namespace boltzmann::client {
namespace {

constexpr char kBadRequestUrl[] = "type.googleapis.com/google.rpc.BadRequest";

rpc::v1::BadRequest TwoViolations() {
  rpc::v1::BadRequest bad_request;
  auto* violation = bad_request.add_field_violations();
  violation->set_field("params[3].top_p");
  violation->set_description("1.7 is outside (0, 1]");
  violation = bad_request.add_field_violations();
  violation->set_field("params[4].temperature");
  violation->set_description("-1 is outside [0, inf)");
  return bad_request;
}

grpc::Status WithDetail(const std::string& message, const std::string& url,
                        const std::string& value) {
  rpc::v1::Status details;
  auto* detail = details.add_details();
  detail->set_type_url(url);
  detail->set_value(value);
  return grpc::Status(grpc::INVALID_ARGUMENT, message, details.SerializeAsString());
}

std::string MessageOf(const grpc::Status& status) {
  return std::string(ToAbslStatus(status).message());
}

TEST(CallError, OkStaysOk) { EXPECT_TRUE(ToAbslStatus(grpc::Status::OK).ok()); }

TEST(CallError, KeepsEveryCodeAndTheMessage) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status =
        ToAbslStatus(grpc::Status(static_cast<grpc::StatusCode>(code), "why"));
    EXPECT_EQ(static_cast<int>(status.code()), code);
    EXPECT_EQ(status.message(), "why");
  }
}

TEST(CallError, ListsEveryViolationOnALineOfItsOwn) {
  EXPECT_EQ(MessageOf(WithDetail("the request is wrong", kBadRequestUrl,
                                 TwoViolations().SerializeAsString())),
            "the request is wrong\n"
            "params[3].top_p: 1.7 is outside (0, 1]\n"
            "params[4].temperature: -1 is outside [0, inf)");
}

TEST(CallError, LeavesOutAMessageThatOnlyRepeatsTheViolations) {
  EXPECT_EQ(MessageOf(WithDetail("params[3].top_p: 1.7 is outside (0, 1]; params[4].temperature: "
                                 "-1 is outside [0, inf)",
                                 kBadRequestUrl, TwoViolations().SerializeAsString())),
            "params[3].top_p: 1.7 is outside (0, 1]\n"
            "params[4].temperature: -1 is outside [0, inf)");
}

TEST(CallError, PrintsAViolationWithoutFieldAsItsDescription) {
  rpc::v1::BadRequest bad_request;
  bad_request.add_field_violations()->set_description("3 more violations are not listed");
  EXPECT_EQ(MessageOf(WithDetail("wrong", kBadRequestUrl, bad_request.SerializeAsString())),
            "wrong\n3 more violations are not listed");
}

TEST(CallError, SaysThatDetailsCannotBeRead) {
  EXPECT_EQ(MessageOf(grpc::Status(grpc::INTERNAL, "why", "\xff\xff")),
            "why\n(with details that could not be read)");
  EXPECT_EQ(MessageOf(WithDetail("why", kBadRequestUrl, "\xff\xff")),
            "why\n(with a list of violations that could not be read)");
}

TEST(CallError, SaysWhenToTryAgain) {
  constexpr char kUrl[] = "type.googleapis.com/google.rpc.RetryInfo";
  rpc::v1::RetryInfo retry_info;
  retry_info.mutable_retry_delay()->set_seconds(1);
  retry_info.mutable_retry_delay()->set_nanos(20'000'000);
  EXPECT_EQ(MessageOf(WithDetail("full", kUrl, retry_info.SerializeAsString())),
            "full\n(retry after 1020 ms)");
  EXPECT_EQ(MessageOf(WithDetail("full", kUrl, "\xff\xff")),
            "full\n(with a delay that could not be read)");
}

TEST(CallError, NamesDetailsOfOtherTypes) {
  EXPECT_EQ(MessageOf(WithDetail("why", "type.googleapis.com/google.rpc.Help", "")),
            "why\n(with details of type type.googleapis.com/google.rpc.Help)");
}

}  // namespace
}  // namespace boltzmann::client
