#include "server/call_context.h"

#include "absl/strings/str_cat.h"
#include "server/status.h"

namespace boltzmann::server {
namespace {

using std::chrono::steady_clock;

constexpr char kCallerKey[] = "boltzmann-caller";

}  // namespace

steady_clock::time_point SteadyDeadline(const grpc::CallbackServerContext& context) {
  const auto left = context.deadline() - std::chrono::system_clock::now();
  if (left > std::chrono::hours(24 * 365)) return steady_clock::time_point::max();
  return steady_clock::now() + std::chrono::duration_cast<steady_clock::duration>(left);
}

std::string CallerOf(const grpc::CallbackServerContext& context) {
  const auto found = context.client_metadata().find(kCallerKey);
  // Nobody can name himself as a connection is named.
  if (found == context.client_metadata().end()) return "peer " + context.peer();
  return "name " + std::string(found->second.data(), found->second.size());
}

grpc::Status ToGrpc(const absl::Status& status, grpc::CallbackServerContext& context) {
  if (const auto pushback = PushbackMs(status)) {
    context.AddTrailingMetadata("grpc-retry-pushback-ms", *pushback);
  }
  return ToGrpc(status);
}

}  // namespace boltzmann::server
