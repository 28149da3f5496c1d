#include "server/call_context.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "grpc/grpc_security_constants.h"
#include "grpcpp/security/auth_context.h"
#include "server/status.h"

namespace boltzmann::server {
namespace {

using std::chrono::steady_clock;

constexpr char kCallerKey[] = "boltzmann-caller";
constexpr char kInProcess[] = "unknown";  // where others have an address
constexpr char kRequestIdKey[] = "x-request-id";
constexpr char kTraceKey[] = "traceparent";

// The first value of the metadata `key`; empty if there is none.
std::string ValueOf(const char* key, const grpc::CallbackServerContext& context) {
  const auto found = context.client_metadata().find(key);
  if (found == context.client_metadata().end()) return "";
  return std::string(found->second.data(), found->second.size());
}

// Lower-case hexadecimal digits, not all of them 0.
bool IsId(absl::string_view text, size_t size) {
  return text.size() == size &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isdigit(c) || ('a' <= c && c <= 'f'); }) &&
         text.find_first_not_of('0') != absl::string_view::npos;
}

}  // namespace

steady_clock::time_point SteadyDeadline(const grpc::CallbackServerContext& context) {
  const auto left = context.deadline() - std::chrono::system_clock::now();
  if (left > std::chrono::hours(24 * 365)) return steady_clock::time_point::max();
  return steady_clock::now() + std::chrono::duration_cast<steady_clock::duration>(left);
}

bool IsFromWithin(const grpc::ServerContextBase& context) {
  // Every connection has a transport, of which gRPC's auth context says how secure it is.
  const auto peer = context.auth_context();
  return context.peer() == kInProcess &&
         (peer == nullptr ||
          peer->FindPropertyValues(GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME).empty());
}

std::string CallerOf(const grpc::CallbackServerContext& context) {
  const auto found = context.client_metadata().find(kCallerKey);
  // Nobody can name himself as a connection is named.
  if (found == context.client_metadata().end()) return "peer " + context.peer();
  return "name " + std::string(found->second.data(), found->second.size());
}

CallTrace TraceOf(const grpc::CallbackServerContext& context) {
  CallTrace trace{.request_id = ValueOf(kRequestIdKey, context)};
  // version-trace-span-flags. What is none is to be passed over, as the standard has it.
  const std::string parent = ValueOf(kTraceKey, context);
  const std::vector<absl::string_view> parts = absl::StrSplit(parent, '-');
  constexpr size_t kTraceDigits = 32, kSpanDigits = 16;
  if (parts.size() < 4 || !IsId(parts[1], kTraceDigits) || !IsId(parts[2], kSpanDigits))
    return trace;
  trace.trace_id = std::string(parts[1]);
  trace.span_id = std::string(parts[2]);
  return trace;
}

void EchoRequestId(grpc::CallbackServerContext& context) {
  const std::string id = ValueOf(kRequestIdKey, context);
  if (!id.empty()) context.AddTrailingMetadata(kRequestIdKey, id);
}

grpc::Status ToGrpc(const absl::Status& status, grpc::CallbackServerContext& context) {
  if (const auto pushback = PushbackMs(status)) {
    context.AddTrailingMetadata("grpc-retry-pushback-ms", *pushback);
  }
  return ToGrpc(status);
}

}  // namespace boltzmann::server
