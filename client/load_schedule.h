// When the calls of a load test are to start.
#ifndef BOLTZMANN_CLIENT_LOAD_SCHEDULE_H_
#define BOLTZMANN_CLIENT_LOAD_SCHEDULE_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>

#include "absl/base/thread_annotations.h"
#include "client/mutex.h"

namespace boltzmann::client {

enum class Arrivals { kConstant, kPoisson };

// Starts, one after the other, for whichever thread asks next. Thread-safe.
class LoadSchedule {
 public:
  using Clock = std::chrono::steady_clock;

  // Closed loop, without a `rate`: a call starts when it is asked for. Open loop: `rate` calls a
  // second from `begin` on, whatever becomes of them, at even distances or as a Poisson process,
  // the same one each time. None at `end` or later, and at most `count`.
  LoadSchedule(Clock::time_point begin, Clock::time_point end, uint64_t count,
               std::optional<double> rate, Arrivals arrivals);

  // When the next call is to start: in the past, if it had to wait to be asked for. Nothing once
  // there are no more.
  std::optional<Clock::time_point> Next();

  // Ends the schedule. The calls that were to start from `since` on and before `now`, and that
  // nobody had asked for.
  uint64_t CountMissed(Clock::time_point since, Clock::time_point now);

 private:
  std::optional<Clock::time_point> Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock::time_point begin_;
  const Clock::time_point end_;
  const std::optional<double> rate_;
  const Arrivals arrivals_;
  Mutex mutex_;
  uint64_t left_ ABSL_GUARDED_BY(mutex_);
  uint64_t taken_ ABSL_GUARDED_BY(mutex_) = 0;
  double poisson_seconds_ ABSL_GUARDED_BY(mutex_) = 0;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_){1};
};

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_LOAD_SCHEDULE_H_
