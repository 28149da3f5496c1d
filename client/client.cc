#include "client/client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/call_error.h"

namespace boltzmann::client {
namespace {

// gRPC silently takes more attempts as 5, so that more are refused here.
constexpr int kMaxAttempts = 5;

// Room for long lists of violations; gRPC's default is 8 KiB.
constexpr int kMaxMetadataBytes = 1 << 20;

constexpr int kUnlimited = -1;

absl::Status CheckTimeout(absl::Duration timeout) {
  if (timeout > absl::ZeroDuration() && timeout < absl::InfiniteDuration()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("timeout: ", absl::FormatDuration(timeout),
                                                 " is not allowed: give a positive, finite one"));
}

absl::Status CheckOptions(const ClientOptions& options) {
  if (options.target.empty()) {
    return absl::InvalidArgumentError(
        "target: is empty: name a server, such as 127.0.0.1:50051 or unix:/run/boltzmann.sock");
  }
  if (options.max_attempts < 1 || options.max_attempts > kMaxAttempts) {
    return absl::InvalidArgumentError(absl::StrCat("max_attempts: ", options.max_attempts,
                                                   " is outside [1, ", kMaxAttempts, "]"));
  }
  return CheckTimeout(options.timeout);
}

std::string RetryPolicy(int max_attempts) {
  return absl::StrFormat(R"({"methodConfig": [{"name": [{}], "retryPolicy": {
      "maxAttempts": %d, "initialBackoff": "0.05s", "maxBackoff": "1s", "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE"]}}]})",
                         max_attempts);
}

grpc::ChannelArguments ChannelArgumentsFor(const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kUnlimited);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, options.max_attempts > 1);
  if (options.max_attempts > 1) {
    arguments.SetServiceConfigJSON(RetryPolicy(options.max_attempts));
    // A request is tried again only while it fits this; the default is 256 KiB, half a row.
    arguments.SetInt(GRPC_ARG_PER_RPC_RETRY_BUFFER_SIZE, std::numeric_limits<int>::max());
  }
  return arguments;
}

absl::Status CheckSize(const google::protobuf::Message& request) {
  const size_t bytes = request.ByteSizeLong();
  if (bytes <= std::numeric_limits<int>::max()) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("the request has ", bytes,
                   " bytes, and no message may have 2 GiB: send fewer rows in a call"));
}

// What must come back for a request: `count` entries, one for each of `of`.
struct Expected {
  const char* entries;
  int64_t count;
  const char* of;
};

// The reply, or INTERNAL if it has more or fewer entries than expected.
template <typename Response>
absl::StatusOr<Response> Checked(absl::StatusOr<Response> response,
                                 int (Response::*entry_count)() const, const Expected& expected) {
  if (!response.ok()) return response;
  const int found = ((*response).*entry_count)();
  if (found == expected.count) return response;
  return absl::InternalError(absl::StrCat("the server answered with ", found, " ", expected.entries,
                                          " for ", expected.count, " ", expected.of));
}

}  // namespace

absl::StatusOr<Client> Client::Create(const ClientOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  return Create(grpc::CreateCustomChannel(options.target, grpc::InsecureChannelCredentials(),
                                          ChannelArgumentsFor(options)),
                options.timeout);
}

absl::StatusOr<Client> Client::Create(std::shared_ptr<grpc::ChannelInterface> channel,
                                      absl::Duration timeout) {
  if (absl::Status status = CheckTimeout(timeout); !status.ok()) return status;
  return Client(v1::SamplerService::NewStub(std::move(channel)), timeout);
}

Client::Client(std::unique_ptr<Stub> stub, absl::Duration timeout)
    : stub_(std::move(stub)), timeout_(timeout) {}

template <typename Request, typename Response>
absl::StatusOr<Response> Client::Call(Method<Request, Response> method,
                                      const Request& request) const {
  if (absl::Status status = CheckSize(request); !status.ok()) return status;
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout_));
  Response response;
  const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
  if (!status.ok()) return ToAbslStatus(status);
  return response;
}

absl::StatusOr<v1::SampleResponse> Client::Sample(const v1::SampleRequest& request) const {
  return Checked(Call(&Stub::Sample, request), &v1::SampleResponse::results_size,
                 {"results", request.logits().row_count(), "rows"});
}

absl::StatusOr<v1::ScoreResponse> Client::Score(const v1::ScoreRequest& request) const {
  return Checked(Call(&Stub::Score, request), &v1::ScoreResponse::results_size,
                 {"results", request.logits().row_count(), "rows"});
}

absl::StatusOr<v1::VerifyResponse> Client::Verify(const v1::VerifyRequest& request) const {
  return Checked(Call(&Stub::Verify, request), &v1::VerifyResponse::results_size,
                 {"results", request.sequences_size(), "sequences"});
}

absl::StatusOr<v1::DescribeResponse> Client::Describe(const v1::DescribeRequest& request) const {
  return Checked(Call(&Stub::Describe, request), &v1::DescribeResponse::descriptions_size,
                 {"descriptions", request.logits().row_count(), "rows"});
}

absl::StatusOr<v1::GetServerInfoResponse> Client::GetServerInfo() const {
  return Call(&Stub::GetServerInfo, v1::GetServerInfoRequest());
}

}  // namespace boltzmann::client
