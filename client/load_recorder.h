// Where the calls of one step of a load test are counted.
#ifndef BOLTZMANN_CLIENT_LOAD_RECORDER_H_
#define BOLTZMANN_CLIENT_LOAD_RECORDER_H_

#include <chrono>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "client/load_result.h"
#include "client/mutex.h"

namespace boltzmann::client {

// A call that has ended.
struct EndedCall {
  std::chrono::steady_clock::time_point intended;  // when it was to start
  std::chrono::steady_clock::time_point sent;
  std::chrono::steady_clock::time_point ended;
  absl::Status status;
  bool verified = false;
  bool wrong = false;
  // How it came to be sent late, if it was.
  bool waited_for_slot = false;  // every slot was busy when it was to start
};

// Counts calls that were to start when the warm-up was over. Thread-safe. Recording takes a mutex
// for less than a microsecond.
class LoadRecorder {
 public:
  using Clock = std::chrono::steady_clock;

  // `interval` is how long each LoadInterval is, but for the last.
  LoadRecorder(Clock::time_point measured_from, std::chrono::seconds interval)
      : measured_from_(measured_from), interval_(interval) {}

  void Record(const EndedCall& call);

  // What was answered lately, the warm-up included: for who watches.
  struct Recent {
    LatencyHistogram latency;
    uint64_t error_count = 0;
  };
  // Since the last time that this was called.
  Recent TakeRecent();

  // When a call was last answered, and when one last failed, and how; measured_from if none did.
  struct Last {
    Clock::time_point answer;
    Clock::time_point failure;
    absl::Status error;
  };
  Last last() const;

  // All of it, with rows and bytes of `rows` rows and `bytes` bytes a call. `until` is when the
  // step ended.
  LoadStep Take(Clock::time_point until, uint64_t rows, uint64_t bytes);

 private:
  void Count(const EndedCall& call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  LoadInterval& IntervalOf(Clock::time_point time) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock::time_point measured_from_;
  const std::chrono::seconds interval_;
  mutable Mutex mutex_;
  LoadStep step_ ABSL_GUARDED_BY(mutex_);
  Recent recent_ ABSL_GUARDED_BY(mutex_);
  Last last_ ABSL_GUARDED_BY(mutex_) = {measured_from_, measured_from_, absl::OkStatus()};
  Clock::time_point last_counted_ ABSL_GUARDED_BY(mutex_) = measured_from_;
  uint64_t waited_for_slot_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t overslept_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_LOAD_RECORDER_H_
