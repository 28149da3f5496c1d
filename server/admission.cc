#include "server/admission.h"

#include "absl/strings/str_cat.h"

namespace boltzmann::server {

absl::Status Admission::Enter(uint32_t rows) {
  core::MutexLock lock(mutex_);
  if (closed_) return absl::UnavailableError("the server is draining: retry elsewhere or later");
  if (rows > max_rows_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a call of ", rows, " rows exceeds this server's limit of ", max_rows_,
                     " rows in flight: send fewer in one call, or raise --max_rows_in_flight"));
  }
  if (rows > max_rows_ - rows_) {
    return absl::ResourceExhaustedError(absl::StrCat("queue full (", rows_, " of ", max_rows_,
                                                     " rows are in flight, this call has ", rows,
                                                     "): retry in a moment, or lower the rate"));
  }
  rows_ += rows;
  ++calls_;
  return absl::OkStatus();
}

void Admission::Release(uint32_t rows) {
  core::MutexLock lock(mutex_);
  rows_ -= rows;
}

void Admission::Leave() {
  core::MutexLock lock(mutex_);
  --calls_;
  if (calls_ == 0) left_.NotifyAll();
}

void Admission::Close() {
  core::MutexLock lock(mutex_);
  closed_ = true;
}

bool Admission::WaitUntilEmpty(std::chrono::steady_clock::time_point deadline) {
  core::MutexLock lock(mutex_);
  while (calls_ > 0) {
    if (!left_.WaitUntil(mutex_, deadline)) return calls_ == 0;
  }
  return true;
}

}  // namespace boltzmann::server
