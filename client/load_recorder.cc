#include "client/load_recorder.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"

namespace boltzmann::client {
namespace {

using Seconds = std::chrono::duration<double>;

// A call that is sent so much later than it was to be, though a slot was free, is the generator's
// fault.
constexpr std::chrono::milliseconds kOverslept(1);

// What share of the calls may be late before somebody is warned.
constexpr double kLateShare = 0.01;

// The last interval ends with the step. One that is too short to tell a rate is part of the one
// before.
void EndIntervals(LoadStep& step) {
  std::vector<LoadInterval>& intervals = step.intervals;
  if (intervals.empty()) return;
  LoadInterval& last = intervals.back();
  const double whole = last.seconds;
  last.seconds = std::clamp(step.seconds - last.begin_seconds, 1e-3, whole);
  if (intervals.size() < 2 || last.seconds > whole / 4) return;
  LoadInterval& before = intervals[intervals.size() - 2];
  before.seconds += last.seconds;
  before.error_count += last.error_count;
  before.latency.Add(last.latency);
  intervals.pop_back();
}

}  // namespace

void LoadRecorder::Record(const EndedCall& call) {
  MutexLock lock(mutex_);
  if (call.status.ok()) {
    recent_.latency.Record(call.ended - call.intended);
    last_.answer = std::max(last_.answer, call.ended);
  } else {
    ++recent_.error_count;
    last_.failure = std::max(last_.failure, call.ended);
    last_.error = call.status;
  }
  if (call.intended >= measured_from_) Count(call);
}

void LoadRecorder::Count(const EndedCall& call) {
  last_counted_ = std::max(last_counted_, call.ended);
  waited_for_slot_ += call.waited_for_slot;
  overslept_ += !call.waited_for_slot && call.sent - call.intended > kOverslept;
  step_.verified_count += call.verified;
  step_.wrong_count += call.wrong;
  LoadInterval& interval = IntervalOf(call.ended);
  if (!call.status.ok()) {
    if (step_.errors.empty()) step_.first_error = std::string(call.status.message());
    ++step_.errors[absl::StatusCodeToString(call.status.code())];
    ++interval.error_count;
    return;
  }
  ++step_.call_count;
  step_.latency.Record(call.ended - call.intended);
  step_.send_latency.Record(call.ended - call.sent);
  interval.latency.Record(call.ended - call.intended);
}

LoadInterval& LoadRecorder::IntervalOf(Clock::time_point time) {
  const auto index = static_cast<size_t>((time - measured_from_) / interval_);
  while (step_.intervals.size() <= index) {
    const double length = Seconds(interval_).count();
    step_.intervals.push_back({static_cast<double>(step_.intervals.size()) * length, length});
  }
  return step_.intervals[index];
}

LoadRecorder::Recent LoadRecorder::TakeRecent() {
  MutexLock lock(mutex_);
  return std::exchange(recent_, Recent());
}

LoadRecorder::Last LoadRecorder::last() const {
  MutexLock lock(mutex_);
  return last_;
}

LoadStep LoadRecorder::Take(Clock::time_point until, uint64_t rows, uint64_t bytes) {
  MutexLock lock(mutex_);
  LoadStep step = std::move(step_);
  step.seconds = std::max(0.0, Seconds(std::max(until, last_counted_) - measured_from_).count());
  EndIntervals(step);
  step.row_count = step.call_count * rows;
  step.logit_bytes = step.call_count * bytes;
  const double calls = std::max<double>(1, static_cast<double>(step.call_count));
  const double waited = static_cast<double>(waited_for_slot_) / calls;
  const double overslept = static_cast<double>(overslept_) / calls;
  if (waited > kLateShare) {
    step.warnings.push_back(absl::StrFormat(
        "%.0f %% of the calls waited because all of --max_in_flight were under way: the server was "
        "slower than the rate, or the number is too small.",
        100 * std::min(1.0, waited)));
  }
  if (overslept > kLateShare) {
    step.warnings.push_back(absl::StrFormat(
        "%.0f %% of the calls were sent more than a millisecond late though nothing was in their "
        "way: this machine was too busy to keep to the schedule.",
        100 * std::min(1.0, overslept)));
  }
  return step;
}

}  // namespace boltzmann::client
