#include "client/retry.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <algorithm>
#include <cstdint>
#include <random>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

namespace boltzmann::client {
namespace {

constexpr char kPushback[] = "grpc-retry-pushback-ms";
constexpr absl::Duration kFirstPause = absl::Milliseconds(50);
constexpr absl::Duration kLongestPause = absl::Seconds(1);

bool MayBeTriedAgain(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::UNAVAILABLE:
    case grpc::RESOURCE_EXHAUSTED:
    case grpc::CANCELLED:
      return true;
    default:
      return false;
  }
}

// Random, so that callers whom a server has turned away together do not come back together.
absl::Duration RandomPause(int attempt) {
  thread_local std::minstd_rand random{std::random_device()()};
  const absl::Duration longest = std::min(kFirstPause * (1 << (attempt - 1)), kLongestPause);
  return longest * std::uniform_real_distribution<double>()(random);
}

}  // namespace

std::optional<absl::Duration> PauseBeforeRetry(int attempt, const grpc::Status& status,
                                               const grpc::ClientContext& context) {
  if (!MayBeTriedAgain(status)) return std::nullopt;
  const auto& metadata = context.GetServerTrailingMetadata();
  const auto asked = metadata.find(kPushback);
  if (asked == metadata.end()) return RandomPause(attempt);
  int64_t milliseconds = 0;
  const absl::string_view text(asked->second.data(), asked->second.size());
  if (!absl::SimpleAtoi(text, &milliseconds) || milliseconds < 0) return std::nullopt;
  return absl::Milliseconds(milliseconds);
}

}  // namespace boltzmann::client
