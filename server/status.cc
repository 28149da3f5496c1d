#include "server/status.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace boltzmann::server {
namespace {

constexpr char kBadRequestUrl[] = "type.googleapis.com/google.rpc.BadRequest";
constexpr char kRetryInfoUrl[] = "type.googleapis.com/google.rpc.RetryInfo";

// What the details may take of a response header, before base64.
constexpr size_t kMaxDetailsBytes = 4000;
constexpr size_t kMaxMessageBytes = 1000;

constexpr bool SameCode(absl::StatusCode a, grpc::StatusCode b) {
  return static_cast<int>(a) == static_cast<int>(b);
}
static_assert(SameCode(absl::StatusCode::kOk, grpc::OK));
static_assert(SameCode(absl::StatusCode::kCancelled, grpc::CANCELLED));
static_assert(SameCode(absl::StatusCode::kUnknown, grpc::UNKNOWN));
static_assert(SameCode(absl::StatusCode::kInvalidArgument, grpc::INVALID_ARGUMENT));
static_assert(SameCode(absl::StatusCode::kDeadlineExceeded, grpc::DEADLINE_EXCEEDED));
static_assert(SameCode(absl::StatusCode::kNotFound, grpc::NOT_FOUND));
static_assert(SameCode(absl::StatusCode::kAlreadyExists, grpc::ALREADY_EXISTS));
static_assert(SameCode(absl::StatusCode::kPermissionDenied, grpc::PERMISSION_DENIED));
static_assert(SameCode(absl::StatusCode::kResourceExhausted, grpc::RESOURCE_EXHAUSTED));
static_assert(SameCode(absl::StatusCode::kFailedPrecondition, grpc::FAILED_PRECONDITION));
static_assert(SameCode(absl::StatusCode::kAborted, grpc::ABORTED));
static_assert(SameCode(absl::StatusCode::kOutOfRange, grpc::OUT_OF_RANGE));
static_assert(SameCode(absl::StatusCode::kUnimplemented, grpc::UNIMPLEMENTED));
static_assert(SameCode(absl::StatusCode::kInternal, grpc::INTERNAL));
static_assert(SameCode(absl::StatusCode::kUnavailable, grpc::UNAVAILABLE));
static_assert(SameCode(absl::StatusCode::kDataLoss, grpc::DATA_LOSS));
static_assert(SameCode(absl::StatusCode::kUnauthenticated, grpc::UNAUTHENTICATED));

void AddViolation(const std::string& field, const std::string& description,
                  rpc::v1::BadRequest& bad_request) {
  auto* violation = bad_request.add_field_violations();
  violation->set_field(field);
  violation->set_description(description);
}

std::string NotListed(size_t count) {
  return absl::StrCat(count, " more violations are not listed: mend these and call again");
}

}  // namespace

absl::Status BadRequest(const std::vector<core::Violation>& violations) {
  rpc::v1::BadRequest bad_request;
  std::string message;
  size_t bytes = 0;
  size_t listed = 0;
  for (const auto& [field, description] : violations) {
    bytes += field.size() + description.size() + 8;
    if (bytes > kMaxDetailsBytes) break;
    AddViolation(field, description, bad_request);
    const std::string line = absl::StrCat(listed == 0 ? "" : "; ", field, ": ", description);
    if (message.size() + line.size() <= kMaxMessageBytes) message += line;
    ++listed;
  }
  if (listed < violations.size()) {
    AddViolation("", NotListed(violations.size() - listed), bad_request);
  }
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kBadRequestUrl, absl::Cord(bad_request.SerializeAsString()));
  return status;
}

google::protobuf::Duration ToProto(std::chrono::nanoseconds duration) {
  constexpr int64_t kSecond = 1'000'000'000;
  google::protobuf::Duration proto;
  proto.set_seconds(duration.count() / kSecond);
  proto.set_nanos(static_cast<int32_t>(duration.count() % kSecond));
  return proto;
}

absl::Status RetryAfter(std::chrono::milliseconds delay, const std::string& message) {
  rpc::v1::RetryInfo retry;
  *retry.mutable_retry_delay() = ToProto(delay);
  absl::Status status = absl::ResourceExhaustedError(message);
  status.SetPayload(kRetryInfoUrl, absl::Cord(retry.SerializeAsString()));
  return status;
}

std::optional<std::string> PushbackMs(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kResourceExhausted) return std::nullopt;
  rpc::v1::RetryInfo retry;
  const auto payload = status.GetPayload(kRetryInfoUrl);
  if (!payload || !retry.ParseFromString(std::string(*payload))) return "-1";
  const auto& delay = retry.retry_delay();
  return absl::StrCat(delay.seconds() * 1000 + delay.nanos() / 1000000);
}

rpc::v1::Status ToProto(const absl::Status& status) {
  rpc::v1::Status proto;
  proto.set_code(static_cast<int>(status.code()));
  proto.set_message(std::string(status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    auto* detail = proto.add_details();
    detail->set_type_url(std::string(url));
    detail->set_value(std::string(payload));
  });
  return proto;
}

grpc::Status ToGrpc(const absl::Status& status) {
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const std::string message(status.message());
  const rpc::v1::Status proto = ToProto(status);
  if (proto.details().empty()) return grpc::Status(code, message);
  return grpc::Status(code, message, proto.SerializeAsString());
}

}  // namespace boltzmann::server
