#include "client/connection.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/random_name.h"

namespace boltzmann::client {
namespace {

// gRPC silently takes more attempts as 5, so that more are refused here.
constexpr int kMaxAttempts = 5;

// Room for long lists of violations; gRPC's default is 8 KiB.
constexpr int kMaxMetadataBytes = 1 << 20;

constexpr int kUnlimited = -1;

constexpr size_t kMaxCallerLength = 128;

absl::Status CheckTimeout(absl::Duration timeout) {
  if (timeout > absl::ZeroDuration() && timeout < absl::InfiniteDuration()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("timeout: ", absl::FormatDuration(timeout),
                                                 " is not allowed: give a positive, finite one"));
}

// gRPC ends the process on metadata that it cannot send.
absl::Status CheckCaller(const std::string& caller) {
  const bool is_visible = std::all_of(caller.begin(), caller.end(), absl::ascii_isgraph);
  if (is_visible && caller.size() <= kMaxCallerLength) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("caller: is not up to ", kMaxCallerLength,
                                                 " visible ASCII characters, without spaces"));
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
  return absl::OkStatus();
}

// A server that has no room says when to come back, or that it is of no use, in the metadata
// `grpc-retry-pushback-ms`, which gRPC obeys.
std::string RetryPolicy(int max_attempts) {
  return absl::StrFormat(R"({"methodConfig": [{"name": [{}], "retryPolicy": {
      "maxAttempts": %d, "initialBackoff": "0.05s", "maxBackoff": "1s", "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"]}}]})",
                         max_attempts);
}

// The chunks that sockets are read in stay as they are: larger ones help no reply below a megabyte,
// and cost every small one up to 200 us.
grpc::ChannelArguments ChannelArgumentsFor(const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kUnlimited);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, options.own_connection);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, options.max_attempts > 1);
  if (options.max_attempts > 1) {
    arguments.SetServiceConfigJSON(RetryPolicy(options.max_attempts));
    // A request is tried again only while it fits this; the default is 256 KiB, half a row.
    arguments.SetInt(GRPC_ARG_PER_RPC_RETRY_BUFFER_SIZE, std::numeric_limits<int>::max());
  }
  return arguments;
}

}  // namespace

absl::StatusOr<Connection> Connect(const ClientOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  return ConnectOver(grpc::CreateCustomChannel(options.target, grpc::InsecureChannelCredentials(),
                                               ChannelArgumentsFor(options)),
                     options.timeout, options.caller);
}

absl::StatusOr<Connection> ConnectOver(std::shared_ptr<grpc::ChannelInterface> channel,
                                       absl::Duration timeout, const std::string& caller) {
  if (absl::Status status = CheckTimeout(timeout); !status.ok()) return status;
  if (absl::Status status = CheckCaller(caller); !status.ok()) return status;
  return Connection{std::move(channel), timeout, caller.empty() ? RandomName() : caller};
}

void Prepare(const Connection& connection, grpc::ClientContext& context) {
  context.AddMetadata("boltzmann-caller", connection.caller);
}

}  // namespace boltzmann::client
