#include "server/counters.h"

#include "server/status.h"

namespace boltzmann::server {

void Counters::CountEnded(const absl::Status& status) { Add(CounterOf(status), 1); }

Counters::Counter& Counters::CounterOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return answered_;
    case absl::StatusCode::kDeadlineExceeded:
      return expired_;
    case absl::StatusCode::kCancelled:
      return cancelled_;
    case absl::StatusCode::kUnavailable:
      return unavailable_;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return denied_;
    case absl::StatusCode::kResourceExhausted:
      return PushbackMs(status) == "-1" ? invalid_ : pushed_back_;
    default:
      return invalid_;
  }
}

v1::Counters Counters::Read() const {
  v1::Counters counters;
  counters.set_begun_count(begun_.load(std::memory_order_relaxed));
  counters.set_answered_count(answered_.load(std::memory_order_relaxed));
  counters.set_invalid_count(invalid_.load(std::memory_order_relaxed));
  counters.set_pushed_back_count(pushed_back_.load(std::memory_order_relaxed));
  counters.set_expired_count(expired_.load(std::memory_order_relaxed));
  counters.set_cancelled_count(cancelled_.load(std::memory_order_relaxed));
  counters.set_unavailable_count(unavailable_.load(std::memory_order_relaxed));
  counters.set_denied_count(denied_.load(std::memory_order_relaxed));
  counters.set_received_bytes(received_bytes_.load(std::memory_order_relaxed));
  *counters.mutable_queued_time() =
      ToProto(std::chrono::nanoseconds(queued_ns_.load(std::memory_order_relaxed)));
  *counters.mutable_computed_time() =
      ToProto(std::chrono::nanoseconds(computed_ns_.load(std::memory_order_relaxed)));
  return counters;
}

}  // namespace boltzmann::server
