// What a row costs, beside the cost of reading it once. Run it as
//
//   build/release/bin/boltzmann_bench --benchmark_repetitions=5
//     --benchmark_enable_random_interleaving=true --benchmark_report_aggregates_only=true
//
// Rows have 128256 logits of fp32, one worker unless said, and rotate through 64 so that
// they come from L3 or memory. "Peaked" rows are as a language model's: a background of
// N(0, 2.5) and a head of 50 tokens with most of the mass. "Flat" rows are N(0, 1).
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "benchmark/benchmark.h"
#include "core/engine.h"

namespace boltzmann {
namespace {

constexpr int32_t kVocabSize = 128256;
constexpr int kRows = 64;

using Rows = std::vector<float>;  // kRows x kVocabSize

Rows MakeRows(float sigma, bool peaked) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 1);
  Rows rows(size_t{kRows} * kVocabSize);
  for (float& logit : rows) logit = sigma * normal(random);
  for (int row = 0; peaked && row < kRows; ++row) {
    for (int rank = 1; rank <= 50; ++rank) {
      rows[size_t(row) * kVocabSize + random() % kVocabSize] =
          18 - 1.3f * std::log(float(rank)) + .1f * normal(random);
    }
  }
  return rows;
}

const Rows& Peaked() {
  static const Rows rows = MakeRows(2.5f, true);
  return rows;
}

const Rows& Flat() {
  static const Rows rows = MakeRows(1, false);
  return rows;
}

// The report's items are rows.
void ReportRows(benchmark::State& state) {
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kRows);
}

// The floor: the maximum of each row, in as many lanes as the compiler likes.
void ReadOnce(benchmark::State& state) {
  const Rows& rows = Peaked();
  for (auto _ : state) {
    for (int row = 0; row < kRows; ++row) {
      const float* logits = &rows[size_t(row) * kVocabSize];
      float lane[32] = {};
      for (int32_t i = 0; i < kVocabSize; i += 32) {
        for (int j = 0; j < 32; ++j) lane[j] = logits[i + j] > lane[j] ? logits[i + j] : lane[j];
      }
      benchmark::DoNotOptimize(*std::max_element(lane, lane + 32));
    }
  }
  ReportRows(state);
}
BENCHMARK(ReadOnce)->UseRealTime();

// Whether every row of the batch was answered.
bool AllSampled(const core::Batch& batch) {
  return std::all_of(batch.results.rows().begin(), batch.results.rows().end(),
                     [](const core::RowResult& row) { return row.status == core::RowStatus::kOk; });
}

void Sample(benchmark::State& state, const Rows& rows, core::SamplingParams params, bool logprobs,
            int workers) {
  core::Engine engine({.worker_count = workers});
  core::OutputOptions outputs;
  outputs.model_logprobs = outputs.sampled_logprobs = logprobs;
  core::Batch batch;
  for (int row = 0; row < kRows; ++row) {
    batch.rows.push_back(
        {core::LogitRow(&rows[size_t(row) * kVocabSize], core::DataType::kFloat32, kVocabSize),
         &params,
         &outputs,
         {.seed = uint64_t(row)}});
  }
  for (auto _ : state) {
    if (!engine.Sample(batch).ok() || !AllSampled(batch)) state.SkipWithError("a row failed");
  }
  ReportRows(state);
}

core::SamplingParams Params(double temperature, int32_t top_k = 0, double top_p = 1) {
  return {.temperature = temperature, .min_p = 0, .top_k = top_k, .top_p = top_p};
}

#define BOLTZMANN_BENCH(name, ...) BENCHMARK_CAPTURE(Sample, name, __VA_ARGS__)->UseRealTime()

BOLTZMANN_BENCH(greedy_without_logprobs, Peaked(), Params(0), false, 1);
BOLTZMANN_BENCH(greedy, Peaked(), Params(0), true, 1);
BOLTZMANN_BENCH(temperature_1, Peaked(), Params(1), true, 1);
BOLTZMANN_BENCH(top_k_50, Peaked(), Params(.7, 50), true, 1);
BOLTZMANN_BENCH(top_p_9, Peaked(), Params(.7, 0, .9), true, 1);
BOLTZMANN_BENCH(top_p_9_two_workers, Peaked(), Params(.7, 0, .9), true, 2);
BOLTZMANN_BENCH(flat_top_p_9, Flat(), Params(1, 0, .9), true, 1);

}  // namespace
}  // namespace boltzmann
