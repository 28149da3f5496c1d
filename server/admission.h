// Who may be in flight, who waits, and when the last has left.
#ifndef BOLTZMANN_SERVER_ADMISSION_H_
#define BOLTZMANN_SERVER_ADMISSION_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "core/mutex.h"

namespace boltzmann::server {

struct AdmissionOptions {
  uint32_t max_in_flight = 16;  // turns at a time. At least 1
  uint32_t max_waiting = 1024;  // calls that wait for one
  uint32_t max_streams = 64;    // streams that are open
};

// Hands out turns: a call has one from when its request is received until it has been answered, so
// that the turns bound what requests take of memory. Calls without one wait, each in the queue of
// its caller, and callers are served one after the other, so none starves beside another's flood;
// at most half of the turns, and half of those who wait, are one caller's. Thread-safe.
class Admission {
  struct Caller;

 public:
  using Clock = std::chrono::steady_clock;

  // A call's place: waiting, having a turn, or neither.
  class Turn {
   public:
    // `begin` is called once the call need not wait any longer: OK if its turn has come, else why
    // it never will. `cancel` is called if the call has to make room; it must not call the
    // admission.
    Turn(std::function<void(const absl::Status&)> begin, std::function<void()> cancel)
        : begin_(std::move(begin)), cancel_(std::move(cancel)) {}

    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    friend class Admission;
    enum class State { kOutside, kWaiting, kInFlight };
    const std::function<void(const absl::Status&)> begin_;
    const std::function<void()> cancel_;
    State state_ = State::kOutside;
    Caller* caller_ = nullptr;
    std::list<Turn*>::iterator place_;  // in its caller's queue, or among those in flight
    Clock::time_point began_;
    Clock::time_point idle_since_ = Clock::time_point::max();
  };

  explicit Admission(const AdmissionOptions& options) : options_(options) {}

  // Asks for a turn: its `begin` is called once, on this thread or, later, on one that ends
  // another's; never, if the request is withdrawn before. A turn that has come must be ended.
  // RESOURCE_EXHAUSTED with a RetryInfo if too many wait; UNAVAILABLE once closed.
  void Request(Turn& turn, const std::string& caller);

  // Takes back a request that waits. False if it does not, or no longer.
  bool Withdraw(Turn& turn);

  // Ends a turn, if the call has one, and begins the next.
  void End(Turn& turn);

  // A call with a turn waits for its caller, to send or to receive; or does so no more. Calls begin
  // by waiting.
  void SetIdle(Turn& turn, bool idle);

  // Cancels calls that have waited for their callers since before `time`, if others wait for a
  // turn.
  void CancelIdle(Clock::time_point time);

  // A stream comes: RESOURCE_EXHAUSTED if there are enough, UNAVAILABLE once closed. And goes.
  absl::Status EnterStream();
  void LeaveStream();

  // Grants no further turn. Those who wait for one are told UNAVAILABLE.
  void Close();

  // How things stand.
  struct Counts {
    uint32_t waiting = 0;
    uint32_t in_flight = 0;
    uint32_t streams = 0;
    bool closed = false;
  };
  Counts Count() const;

  // Waits until every turn has ended. Returns whether that was before `deadline`.
  bool WaitUntilEmpty(Clock::time_point deadline);

 private:
  struct Caller {
    std::string name;
    uint32_t in_flight = 0;
    std::list<Turn*> waiting;
    bool queued = false;  // whether it is in `callers_with_waiting_`
  };

  uint32_t HalfOf(uint32_t count) const { return count / 2 + count % 2; }
  bool HasRoom(const Caller& caller) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Caller& FindCaller(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetIfIdle(Caller& caller) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Grants the turn, or has it wait, or says why neither.
  absl::Status Admit(Turn& turn, const std::string& caller, bool& granted)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Enqueue(Turn& turn) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Grant(Turn& turn) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The next to be granted a turn, off its queue; nullptr if there is none.
  Turn* Next() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Full(const Caller& caller) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const AdmissionOptions options_;
  mutable core::Mutex mutex_;
  core::Condition empty_;
  std::unordered_map<std::string, Caller> callers_ ABSL_GUARDED_BY(mutex_);
  std::list<Caller*> callers_with_waiting_ ABSL_GUARDED_BY(mutex_);  // whose turn is next first
  std::list<Turn*> in_flight_ ABSL_GUARDED_BY(mutex_);
  uint32_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t streams_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  double mean_turn_ms_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_ADMISSION_H_
