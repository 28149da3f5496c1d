// A load test: many calls at a time, closed or open loop, one step after the other.
#ifndef BOLTZMANN_CLIENT_LOAD_TEST_H_
#define BOLTZMANN_CLIENT_LOAD_TEST_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/client.h"
#include "client/load_objective.h"
#include "client/load_recorder.h"
#include "client/load_result.h"
#include "client/load_schedule.h"
#include "client/load_workload.h"

namespace boltzmann::client {

struct LoadOptions {
  std::vector<int> concurrencies = {1};  // closed loop: a step for each
  std::vector<double> rates = {};  // open loop, if there is any: a step for each, calls a second
  Arrivals arrivals = Arrivals::kConstant;
  int max_in_flight = 64;                  // open loop
  bool find_max = false;                   // open loop, from the one rate on
  std::vector<Objective> objectives = {};  // of find_max
  int connections = 1;                     // that calls are dealt to by turns
  bool stream = false;                     // a stream for each call in flight
  std::chrono::milliseconds warmup{1000};  // of each step
  std::chrono::milliseconds duration{10000};
  uint64_t max_calls = std::numeric_limits<uint64_t>::max();  // of each step, the warm-up included
  double verified_share = 0;                                  // of the answers
};

// What is going on, told about once a second.
struct LoadProgress {
  const LoadStep& setting;  // concurrency and rate
  double calls_per_second;
  const LatencyHistogram& latency;
  uint64_t error_count;
  double seconds_left;
};

// Runs every step, and returns what was measured. `aborted` is set if it ended early: because
// `stop` was, or no call was answered for some seconds. Each call in flight has a thread of its
// own. Fails only before the first call: if a client cannot be made, or no reference for --verify
// be had.
absl::StatusOr<LoadResult> RunLoad(const ClientOptions& client_options, const LoadOptions& options,
                                   const LoadWorkload& workload, const std::atomic<bool>& stop,
                                   const std::function<void(const LoadProgress&)>& show);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_LOAD_TEST_H_
