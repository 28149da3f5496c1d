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

absl::Status CheckResultCount(const v1::SampleRequest& request,
                              const v1::SampleResponse& response) {
  const auto results = static_cast<uint32_t>(response.results_size());
  if (results == request.logits().row_count()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("the server answered with ", results, " results for ",
                                          request.logits().row_count(), " rows"));
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

Client::Client(std::unique_ptr<v1::SamplerService::StubInterface> stub, absl::Duration timeout)
    : stub_(std::move(stub)), timeout_(timeout) {}

absl::StatusOr<v1::SampleResponse> Client::Sample(const v1::SampleRequest& request) const {
  if (absl::Status status = CheckSize(request); !status.ok()) return status;
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout_));
  v1::SampleResponse response;
  const grpc::Status status = stub_->Sample(&context, request, &response);
  if (!status.ok()) return ToAbslStatus(status);
  if (absl::Status rows = CheckResultCount(request, response); !rows.ok()) return rows;
  return response;
}

absl::StatusOr<v1::GetServerInfoResponse> Client::GetServerInfo() const {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout_));
  v1::GetServerInfoResponse response;
  const grpc::Status status = stub_->GetServerInfo(&context, {}, &response);
  if (!status.ok()) return ToAbslStatus(status);
  return response;
}

}  // namespace boltzmann::client
