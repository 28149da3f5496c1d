#include "client/call_error.h"

#include <grpcpp/support/status.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "boltzmann/rpc/v1/error.pb.h"

namespace boltzmann::client {
namespace {

constexpr bool SameCode(grpc::StatusCode a, absl::StatusCode b) {
  return static_cast<int>(a) == static_cast<int>(b);
}

static_assert(SameCode(grpc::OK, absl::StatusCode::kOk));
static_assert(SameCode(grpc::CANCELLED, absl::StatusCode::kCancelled));
static_assert(SameCode(grpc::UNKNOWN, absl::StatusCode::kUnknown));
static_assert(SameCode(grpc::INVALID_ARGUMENT, absl::StatusCode::kInvalidArgument));
static_assert(SameCode(grpc::DEADLINE_EXCEEDED, absl::StatusCode::kDeadlineExceeded));
static_assert(SameCode(grpc::NOT_FOUND, absl::StatusCode::kNotFound));
static_assert(SameCode(grpc::ALREADY_EXISTS, absl::StatusCode::kAlreadyExists));
static_assert(SameCode(grpc::PERMISSION_DENIED, absl::StatusCode::kPermissionDenied));
static_assert(SameCode(grpc::RESOURCE_EXHAUSTED, absl::StatusCode::kResourceExhausted));
static_assert(SameCode(grpc::FAILED_PRECONDITION, absl::StatusCode::kFailedPrecondition));
static_assert(SameCode(grpc::ABORTED, absl::StatusCode::kAborted));
static_assert(SameCode(grpc::OUT_OF_RANGE, absl::StatusCode::kOutOfRange));
static_assert(SameCode(grpc::UNIMPLEMENTED, absl::StatusCode::kUnimplemented));
static_assert(SameCode(grpc::INTERNAL, absl::StatusCode::kInternal));
static_assert(SameCode(grpc::UNAVAILABLE, absl::StatusCode::kUnavailable));
static_assert(SameCode(grpc::DATA_LOSS, absl::StatusCode::kDataLoss));
static_assert(SameCode(grpc::UNAUTHENTICATED, absl::StatusCode::kUnauthenticated));

constexpr char kBadRequestUrl[] = "type.googleapis.com/google.rpc.BadRequest";
constexpr char kRetryInfoUrl[] = "type.googleapis.com/google.rpc.RetryInfo";

// Appends one line for each violation.
void DescribeBadRequest(const std::string& serialized, std::vector<std::string>& lines) {
  rpc::v1::BadRequest bad_request;
  if (!bad_request.ParseFromString(serialized)) {
    lines.emplace_back("(with a list of violations that could not be read)");
  }
  for (const auto& violation : bad_request.field_violations()) {
    const char* const colon = violation.field().empty() ? "" : ": ";
    lines.push_back(absl::StrCat(violation.field(), colon, violation.description()));
  }
}

std::string DescribeRetryInfo(const std::string& serialized) {
  rpc::v1::RetryInfo retry_info;
  if (!retry_info.ParseFromString(serialized)) return "(with a delay that could not be read)";
  const auto& delay = retry_info.retry_delay();
  const absl::Duration duration = absl::Seconds(delay.seconds()) + absl::Nanoseconds(delay.nanos());
  return absl::StrCat("(retry after ", absl::ToInt64Milliseconds(duration), " ms)");
}

// Appends what a detail says; kinds that are not known are named by their type.
void Describe(const google::protobuf::Any& detail, std::vector<std::string>& lines) {
  if (detail.type_url() == kBadRequestUrl) return DescribeBadRequest(detail.value(), lines);
  lines.push_back(detail.type_url() == kRetryInfoUrl
                      ? DescribeRetryInfo(detail.value())
                      : absl::StrCat("(with details of type ", detail.type_url(), ")"));
}

std::vector<std::string> DescribeDetails(const std::string& serialized) {
  rpc::v1::Status details;
  if (!details.ParseFromString(serialized)) return {"(with details that could not be read)"};
  std::vector<std::string> lines;
  for (const auto& detail : details.details()) Describe(detail, lines);
  return lines;
}

// Whether `message` is nothing but some of the lines, as "a; b".
bool RepeatsOnly(const std::vector<std::string>& lines, std::string message) {
  for (const std::string& line : lines) {
    const size_t at = message.find(line);
    if (at != std::string::npos) message.erase(at, line.size());
  }
  return message.find_first_not_of("; ") == std::string::npos;
}

}  // namespace

absl::Status ToAbslStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  std::vector<std::string> lines = DescribeDetails(status.error_details());
  if (lines.empty() || !RepeatsOnly(lines, status.error_message())) {
    lines.insert(lines.begin(), status.error_message());
  }
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      absl::StrJoin(lines, "\n"));
}

}  // namespace boltzmann::client
