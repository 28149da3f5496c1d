#include "server/call_record.h"

#include <algorithm>
#include <utility>

#include "server/convert.h"
#include "spdlog/spdlog.h"

namespace boltzmann::server {
namespace {

// A deadline comes as the time that is left, and was that when the caller sent it: by the caller's
// clock it passes earlier, by the time on the way, and then the caller cancels.
constexpr std::chrono::milliseconds kOnTheWay(20);

}  // namespace

CallRecord::CallRecord(const char* method, std::string peer, Clock::time_point deadline,
                       Counters& counters)
    : method_(method), peer_(std::move(peer)), deadline_(deadline), counters_(counters) {
  counters_.CountBegun();
}

absl::Status CallRecord::End(absl::Status status, const Work* work) {
  const Clock::time_point now = Clock::now();
  if (absl::IsCancelled(status) && now >= deadline_ - kOnTheWay) {
    status = absl::DeadlineExceededError("the deadline passed before every row was sampled");
  }
  counters_.CountEnded(status);
  if (status.ok()) counters_.CountTimes(turn_came_ - begun_, now - std::max(received_, turn_came_));
  // Answers are the rule, and come by the thousand.
  const auto level = status.ok() ? spdlog::level::debug : spdlog::level::info;
  if (!spdlog::should_log(level)) return status;
  const Logged logged = work == nullptr ? Logged() : work->logged();
  const std::chrono::duration<double, std::milli> taken = now - begun_;
  spdlog::log(level, "{} rows={} vocab_size={} type={} status={} ms={:.3f} peer={}{}{}", method_,
              logged.row_count, logged.vocab_size, NameOf(logged.data_type),
              absl::StatusCodeToString(status.code()), taken.count(), peer_,
              status.ok() ? "" : " error=", std::string(status.message()));
  return status;
}

}  // namespace boltzmann::server
