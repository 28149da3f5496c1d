// Which calls may enter, and when the last has left.
#ifndef BOLTZMANN_SERVER_ADMISSION_H_
#define BOLTZMANN_SERVER_ADMISSION_H_

#include <chrono>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "core/mutex.h"

namespace boltzmann::server {

// Bounds the rows of all calls together. Thread-safe.
class Admission {
 public:
  explicit Admission(uint32_t max_rows_in_flight) : max_rows_(max_rows_in_flight) {}

  // Lets a call of `rows` rows enter, which must then Release them and Leave; or
  // RESOURCE_EXHAUSTED if there is no room for them, UNAVAILABLE once closed.
  absl::Status Enter(uint32_t rows);

  // Makes room: the rows of a call have been computed, or dropped.
  void Release(uint32_t rows);

  // The call has been answered.
  void Leave();

  // Lets no further call enter.
  void Close();

  // Waits until every call has left. Returns whether that was before `deadline`.
  bool WaitUntilEmpty(std::chrono::steady_clock::time_point deadline);

 private:
  const uint32_t max_rows_;
  core::Mutex mutex_;
  core::Condition left_;
  uint32_t rows_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_ADMISSION_H_
