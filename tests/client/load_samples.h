// Load tests that were never run.
#ifndef BOLTZMANN_TESTS_CLIENT_LOAD_SAMPLES_H_
#define BOLTZMANN_TESTS_CLIENT_LOAD_SAMPLES_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "client/load_result.h"

namespace boltzmann::test {

// Of 1 ms, 2 ms, ..., `count` ms, each made longer by `factor`.
inline client::LatencyHistogram Milliseconds(int count, double factor = 1) {
  client::LatencyHistogram times;
  for (int i = 1; i <= count; ++i) {
    times.Record(std::chrono::nanoseconds(static_cast<int64_t>(i * 1e6 * factor)));
  }
  return times;
}

// Ten seconds of 1000 calls with 8 rows each, 1 to 1000 ms, in two intervals.
inline client::LoadStep Step(int concurrency, std::optional<double> rate = {}, double factor = 1) {
  client::LoadStep step;
  step.concurrency = concurrency;
  step.rate = rate;
  step.seconds = 10;
  step.call_count = 1000;
  step.row_count = 8000;
  step.logit_bytes = 4'000'000'000;
  step.latency = Milliseconds(1000, factor);
  step.send_latency = Milliseconds(1000, factor / 2);
  step.intervals = {{0, 5, 0, Milliseconds(400, factor)}, {5, 5, 2, Milliseconds(600, factor)}};
  step.server = client::ServerTime{.queued_us = 125, .computed_us = 2500};
  return step;
}

inline client::LoadResult Result(std::vector<client::LoadStep> steps) {
  client::LoadResult result;
  result.target = "127.0.0.1:50051";
  result.server_version = "0.1.0";
  result.instruction_set = "avx2";
  result.settings = {{"batch", "8"}, {"dtype", "float32"}, {"slo", ""}};
  result.steps = std::move(steps);
  return result;
}

// A step with everything that can go wrong in it.
inline client::LoadStep FaultyStep(int concurrency) {
  client::LoadStep step = Step(concurrency);
  step.errors = {{"DEADLINE_EXCEEDED", 3}, {"UNAVAILABLE", 12}};
  step.first_error = "the call took <too> long\nand \"then\" ended";
  step.verified_count = 100;
  step.wrong_count = 1;
  step.warnings = {"the generator was 3 ms late"};
  return step;
}

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CLIENT_LOAD_SAMPLES_H_
