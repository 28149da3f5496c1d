#include "server/admission.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/status.h"

namespace boltzmann::server {
namespace {

// How much the latest turn counts in the mean of how long they take.
constexpr double kNewest = 0.05;

// What a caller is told to wait for before it tries again, in milliseconds.
constexpr double kMinPushback = 1;
constexpr double kMaxPushback = 1000;

absl::Status Draining() {
  return absl::UnavailableError("the server is draining: retry elsewhere or later");
}

}  // namespace

void Admission::Request(Turn& turn, const std::string& caller) {
  bool granted = false;
  absl::Status status;
  {
    core::MutexLock lock(mutex_);
    status = Admit(turn, caller, granted);
  }
  if (granted || !status.ok()) turn.begin_(status);
}

absl::Status Admission::Admit(Turn& turn, const std::string& name, bool& granted) {
  if (closed_) return Draining();
  Caller& caller = FindCaller(name);
  turn.caller_ = &caller;
  granted = HasRoom(caller) && caller.waiting.empty();
  if (granted) {
    Grant(turn);
    return absl::OkStatus();
  }
  if (waiting_ < options_.max_waiting && caller.waiting.size() < HalfOf(options_.max_waiting)) {
    Enqueue(turn);
    return absl::OkStatus();
  }
  const absl::Status full = Full(caller);
  ForgetIfIdle(caller);
  return full;
}

bool Admission::Withdraw(Turn& turn) {
  core::MutexLock lock(mutex_);
  if (turn.state_ != Turn::State::kWaiting) return false;
  Caller& caller = *turn.caller_;
  caller.waiting.erase(turn.place_);
  --waiting_;
  turn.state_ = Turn::State::kOutside;
  if (caller.waiting.empty()) {
    callers_with_waiting_.remove(&caller);
    caller.queued = false;
  }
  ForgetIfIdle(caller);
  return true;
}

void Admission::End(Turn& turn) {
  Turn* next = nullptr;
  {
    core::MutexLock lock(mutex_);
    if (turn.state_ != Turn::State::kInFlight) return;
    turn.state_ = Turn::State::kOutside;
    in_flight_.erase(turn.place_);
    const std::chrono::duration<double, std::milli> taken = Clock::now() - turn.began_;
    mean_turn_ms_ += kNewest * (taken.count() - mean_turn_ms_);
    --turn.caller_->in_flight;
    ForgetIfIdle(*turn.caller_);
    next = Next();
    if (next != nullptr) Grant(*next);
    if (in_flight_.empty()) empty_.NotifyAll();
  }
  if (next != nullptr) next->begin_(absl::OkStatus());
}

void Admission::SetIdle(Turn& turn, bool idle) {
  const auto since = idle ? Clock::now() : Clock::time_point::max();
  core::MutexLock lock(mutex_);
  turn.idle_since_ = since;
}

void Admission::CancelIdle(Clock::time_point time) {
  core::MutexLock lock(mutex_);
  if (waiting_ == 0) return;
  for (Turn* turn : in_flight_) {
    if (turn->idle_since_ < time) turn->cancel_();
  }
}

absl::Status Admission::EnterStream() {
  core::MutexLock lock(mutex_);
  if (closed_) return Draining();
  if (streams_ >= options_.max_streams) {
    return RetryAfter(std::chrono::milliseconds(static_cast<int>(kMaxPushback)),
                      absl::StrCat(streams_,
                                   " streams are open, which is this server's limit: end "
                                   "one, or raise --max_streams"));
  }
  ++streams_;
  return absl::OkStatus();
}

void Admission::LeaveStream() {
  core::MutexLock lock(mutex_);
  --streams_;
}

void Admission::Close() {
  std::vector<Turn*> refused;
  {
    core::MutexLock lock(mutex_);
    closed_ = true;
    for (Caller* caller : callers_with_waiting_) {
      refused.insert(refused.end(), caller->waiting.begin(), caller->waiting.end());
      caller->waiting.clear();
      caller->queued = false;
    }
    for (Turn* turn : refused) turn->state_ = Turn::State::kOutside;
    waiting_ = 0;
    callers_with_waiting_.clear();
  }
  // Nobody else can end these calls meanwhile: they can no longer be withdrawn.
  for (Turn* turn : refused) turn->begin_(Draining());
}

Admission::Counts Admission::Count() const {
  core::MutexLock lock(mutex_);
  return {waiting_, static_cast<uint32_t>(in_flight_.size()), streams_, closed_};
}

bool Admission::WaitUntilEmpty(Clock::time_point deadline) {
  core::MutexLock lock(mutex_);
  while (!in_flight_.empty()) {
    if (!empty_.WaitUntil(mutex_, deadline)) return in_flight_.empty();
  }
  return true;
}

bool Admission::HasRoom(const Caller& caller) const {
  return in_flight_.size() < options_.max_in_flight &&
         caller.in_flight < HalfOf(options_.max_in_flight);
}

Admission::Caller& Admission::FindCaller(const std::string& name) {
  Caller& caller = callers_[name];
  if (caller.name.empty()) caller.name = name;
  return caller;
}

void Admission::ForgetIfIdle(Caller& caller) {
  if (caller.in_flight == 0 && caller.waiting.empty()) callers_.erase(std::string(caller.name));
}

void Admission::Enqueue(Turn& turn) {
  Caller& caller = *turn.caller_;
  turn.place_ = caller.waiting.insert(caller.waiting.end(), &turn);
  turn.state_ = Turn::State::kWaiting;
  ++waiting_;
  if (caller.queued) return;
  callers_with_waiting_.push_back(&caller);
  caller.queued = true;
}

void Admission::Grant(Turn& turn) {
  turn.state_ = Turn::State::kInFlight;
  turn.place_ = in_flight_.insert(in_flight_.end(), &turn);
  turn.began_ = turn.idle_since_ = Clock::now();
  ++turn.caller_->in_flight;
}

Admission::Turn* Admission::Next() {
  if (closed_) return nullptr;
  const auto found =
      std::find_if(callers_with_waiting_.begin(), callers_with_waiting_.end(),
                   [this](const Caller* c) ABSL_NO_THREAD_SAFETY_ANALYSIS { return HasRoom(*c); });
  if (found == callers_with_waiting_.end()) return nullptr;
  Caller& caller = **found;
  Turn* turn = caller.waiting.front();
  caller.waiting.pop_front();
  --waiting_;
  callers_with_waiting_.erase(found);
  caller.queued = !caller.waiting.empty();
  if (caller.queued) callers_with_waiting_.push_back(&caller);
  return turn;
}

absl::Status Admission::Full(const Caller& caller) const {
  const double turns = static_cast<double>(waiting_ + 1) / options_.max_in_flight;
  const double ms = std::clamp(mean_turn_ms_ * turns, kMinPushback, kMaxPushback);
  return RetryAfter(std::chrono::milliseconds(static_cast<int>(ms)),
                    absl::StrCat("queue full (", waiting_, " calls wait, ", caller.waiting.size(),
                                 " of them this caller's): retry in ", static_cast<int>(ms),
                                 " ms, or lower the rate"));
}

}  // namespace boltzmann::server
