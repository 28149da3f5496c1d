#include "client/connection.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/call_error.h"
#include "client/random_name.h"
#include "client/target.h"
#include "client/tls.h"
#include "client/token_file.h"

namespace boltzmann::client {
namespace {

// gRPC silently takes more attempts as 5, so that more are refused here.
constexpr int kMaxAttempts = 5;

// A server that is back is found within so long. gRPC's own pauses grow to two minutes.
constexpr int kFirstReconnectMs = 100;
constexpr int kLastReconnectMs = 2000;

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

absl::StatusOr<std::shared_ptr<TokenFile>> OpenTokenFile(const ClientOptions& options) {
  if (options.token_file.empty()) return nullptr;
  if (options.tls_ca_file.empty() && !StaysOnThisHost(options.target)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "token_file: a token sent to ", options.target,
        " without TLS could be read on the way: give tls_ca_file, or a Unix socket or a loopback "
        "address as the target"));
  }
  return TokenFile::Open(options.token_file);
}

// Streams are tried again by gRPC, which obeys a server that says when to come back, in the
// metadata `grpc-retry-pushback-ms`; unary calls are by the client itself (retry.h).
constexpr char kRetries[] = R"("methodConfig": [{
    "name": [{"service": "boltzmann.v1.SamplerService", "method": "StreamSample"}],
    "retryPolicy": {
      "maxAttempts": %d, "initialBackoff": "0.05s", "maxBackoff": "1s", "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"]}}])";

// Where there may be several servers, they get calls by turns, but none whose health service says
// that it drains: that one would answer fast, and so use up a call's attempts. A single server can
// say itself why it takes no calls, and is not watched.
constexpr char kByTurns[] = R"("loadBalancingConfig": [{"round_robin": {}}],
    "healthCheckConfig": {"serviceName": "boltzmann.v1.SamplerService"})";

std::string ServiceConfig(const ClientOptions& options) {
  std::vector<std::string> parts;
  if (options.max_attempts > 1) parts.push_back(absl::StrFormat(kRetries, options.max_attempts));
  if (CountServers(options.target) != ServerCount::kOne) parts.push_back(kByTurns);
  return absl::StrCat("{", absl::StrJoin(parts, ", "), "}");
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
  arguments.SetServiceConfigJSON(ServiceConfig(options));
  // A request is tried again only while it fits this; the default is 256 KiB, half a row.
  arguments.SetInt(GRPC_ARG_PER_RPC_RETRY_BUFFER_SIZE, std::numeric_limits<int>::max());
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLastReconnectMs);
  if (!options.tls_server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls_server_name);
  }
  return arguments;
}

}  // namespace

absl::StatusOr<Connection> Connect(const ClientOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  const auto credentials = CredentialsFor(options);
  if (!credentials.ok()) return credentials.status();
  auto token_file = OpenTokenFile(options);
  if (!token_file.ok()) return token_file.status();
  auto connection = ConnectOver(
      grpc::CreateCustomChannel(options.target, *credentials, ChannelArgumentsFor(options)),
      options.timeout, options.caller);
  if (!connection.ok()) return connection;
  connection->max_attempts = options.max_attempts;
  connection->lists_several_servers = CountServers(options.target) == ServerCount::kSeveral;
  connection->token_file = *std::move(token_file);
  return connection;
}

absl::StatusOr<Connection> ConnectOver(std::shared_ptr<grpc::ChannelInterface> channel,
                                       absl::Duration timeout, const std::string& caller) {
  if (absl::Status status = CheckTimeout(timeout); !status.ok()) return status;
  if (absl::Status status = CheckCaller(caller); !status.ok()) return status;
  return Connection{std::move(channel), timeout, caller.empty() ? RandomName() : caller};
}

void Prepare(const Connection& connection, grpc::ClientContext& context) {
  context.AddMetadata("boltzmann-caller", connection.caller);
  if (connection.token_file == nullptr) return;
  context.AddMetadata("authorization", absl::StrCat("Bearer ", connection.token_file->Get()));
}

absl::Status StatusOf(const Connection& connection, const grpc::Status& status) {
  const absl::Status ended = ToAbslStatus(status);
  if (connection.token_file == nullptr || !absl::IsUnauthenticated(ended)) return ended;
  const absl::Status read = connection.token_file->status();
  if (read.ok()) return ended;
  return absl::UnauthenticatedError(absl::StrCat(
      ended.message(), "\n(the token that was sent may be an old one: ", read.message(), ")"));
}

}  // namespace boltzmann::client
