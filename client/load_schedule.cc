#include "client/load_schedule.h"

namespace boltzmann::client {

LoadSchedule::LoadSchedule(Clock::time_point begin, Clock::time_point end, uint64_t count,
                           std::optional<double> rate, Arrivals arrivals)
    : begin_(begin), end_(end), rate_(rate), arrivals_(arrivals), left_(count) {}

std::optional<LoadSchedule::Clock::time_point> LoadSchedule::Next() {
  MutexLock lock(mutex_);
  return Take();
}

std::optional<LoadSchedule::Clock::time_point> LoadSchedule::Take() {
  if (left_ == 0) return std::nullopt;
  Clock::time_point start = Clock::now();
  if (rate_) {
    double seconds = static_cast<double>(taken_) / *rate_;
    if (arrivals_ == Arrivals::kPoisson) {
      poisson_seconds_ += std::exponential_distribution<double>(*rate_)(random_);
      seconds = poisson_seconds_;
    }
    start = begin_ +
            std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }
  if (start >= end_) {
    left_ = 0;
    return std::nullopt;
  }
  --left_;
  ++taken_;
  return start;
}

uint64_t LoadSchedule::CountMissed(Clock::time_point since, Clock::time_point now) {
  MutexLock lock(mutex_);
  if (!rate_) return 0;
  uint64_t missed = 0;
  for (auto start = Take(); start && *start < now; start = Take()) missed += *start >= since;
  left_ = 0;
  return missed;
}

}  // namespace boltzmann::client
