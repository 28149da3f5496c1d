#include "server/status.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "boltzmann/rpc/v1/error.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace boltzmann::server {
namespace {

using testing::HasSubstr;

rpc::v1::BadRequest DetailsOf(const grpc::Status& status) {
  rpc::v1::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), status.error_code());
  EXPECT_EQ(details.message(), status.error_message());
  EXPECT_EQ(details.details_size(), 1);
  EXPECT_EQ(details.details(0).type_url(), "type.googleapis.com/google.rpc.BadRequest");
  rpc::v1::BadRequest bad_request;
  EXPECT_TRUE(bad_request.ParseFromString(details.details(0).value()));
  return bad_request;
}

TEST(Status, BadRequestCarriesEveryViolationInMessageAndDetails) {
  const grpc::Status status = ToGrpc(BadRequest(
      {{"params[3].top_p", "1.7 is outside (0, 1]"}, {"params[4].top_k", "-2 is outside"}}));
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(),
            "params[3].top_p: 1.7 is outside (0, 1]; params[4].top_k: -2 is outside");
  const rpc::v1::BadRequest details = DetailsOf(status);
  ASSERT_EQ(details.field_violations_size(), 2);
  EXPECT_EQ(details.field_violations(0).field(), "params[3].top_p");
  EXPECT_EQ(details.field_violations(0).description(), "1.7 is outside (0, 1]");
}

TEST(Status, AListTooLongForAHeaderEndsWithHowManyWereLeftOut) {
  std::vector<core::Violation> violations;
  for (int i = 0; i < 1000; ++i) {
    violations.push_back({absl::StrCat("params[", i, "].top_p"), "7 is outside (0, 1]"});
  }
  const grpc::Status status = ToGrpc(BadRequest(violations));
  // Details travel as base64, which adds a third.
  EXPECT_LT(status.error_message().size() + status.error_details().size() * 4 / 3, 8000);
  const rpc::v1::BadRequest details = DetailsOf(status);
  const int listed = details.field_violations_size() - 1;
  EXPECT_GT(listed, 50);
  EXPECT_THAT(details.field_violations(listed).description(),
              HasSubstr(absl::StrCat(1000 - listed, " more violations are not listed")));
}

TEST(Status, OtherErrorsKeepTheirCodeAndMessageAndHaveNoDetails) {
  const grpc::Status status = ToGrpc(absl::ResourceExhaustedError("full"));
  EXPECT_EQ(status.error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "full");
  EXPECT_EQ(status.error_details(), "");
}

}  // namespace
}  // namespace boltzmann::server
