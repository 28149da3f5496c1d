// What has happened to the calls of a server.
#ifndef BOLTZMANN_SERVER_COUNTERS_H_
#define BOLTZMANN_SERVER_COUNTERS_H_

#include <atomic>
#include <chrono>
#include <cstdint>

#include "absl/status/status.h"
#include "boltzmann/v1/sampler.pb.h"

namespace boltzmann::server {

// Counts calls by how they ended. Thread-safe.
class Counters {
 public:
  void CountBegun() { Add(begun_, 1); }
  void CountReceived(uint64_t bytes) { Add(received_bytes_, bytes); }

  // What an answered call's time went into.
  void CountTimes(std::chrono::nanoseconds queued, std::chrono::nanoseconds computed) {
    Add(queued_ns_, queued.count());
    Add(computed_ns_, computed.count());
  }

  // Each call once, by the status that it ended with.
  void CountEnded(const absl::Status& status);

  v1::Counters Read() const;

 private:
  using Counter = std::atomic<uint64_t>;

  static void Add(Counter& counter, uint64_t n) { counter.fetch_add(n, std::memory_order_relaxed); }
  Counter& CounterOf(const absl::Status& status);

  Counter begun_ = 0;
  Counter answered_ = 0;
  Counter invalid_ = 0;
  Counter pushed_back_ = 0;
  Counter expired_ = 0;
  Counter cancelled_ = 0;
  Counter unavailable_ = 0;
  Counter denied_ = 0;
  Counter received_bytes_ = 0;
  Counter queued_ns_ = 0;
  Counter computed_ns_ = 0;
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_COUNTERS_H_
