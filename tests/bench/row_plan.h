// A row as its caller would send it: parameters, history, mask, and the lists that they point
// into.
#ifndef BOLTZMANN_TESTS_BENCH_ROW_PLAN_H_
#define BOLTZMANN_TESTS_BENCH_ROW_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/params.h"
#include "tests/bench/rows.h"

namespace boltzmann::bench {

// The logits that these rows have: 64 rows in fp32, V = 128256.
inline constexpr int kPlannedRows = 64;
const Rows& PlannedLogits(Shape shape);

// What one row's lists are made of; the same each time.
struct Material {
  // What the row may continue, oldest first. Seven tokens in eight are a text's, by Zipf's law:
  // 500 tokens have some 325 different ones, 2500 have 1300, and 100,000 have 24,500, all over the
  // vocabulary. The eighth is one of 16 of the row's likely tokens. The last 16 tokens also stand
  // 100 tokens earlier, where the row's first token follows them.
  std::vector<int32_t> text;

  std::vector<int32_t> likely;  // the row's first 50 tokens, in random order
  std::vector<int32_t> any;     // 300 other tokens, in random order
};

inline constexpr size_t kTextSize = 100'000;

// REQUIRES: 0 <= row < kPlannedRows.
const Material& MaterialOf(Shape shape, int row);

// One row of a batch, at a temperature alone until more is asked for. May be moved, not copied.
class RowPlan {
 public:
  RowPlan(Shape shape, int row, double temperature);
  RowPlan(RowPlan&&) = default;

  core::SamplingParams& params() { return params_; }
  core::RowState& state() { return state_; }
  const core::SamplingParams& params() const { return params_; }
  const core::RowState& state() const { return state_; }
  int row() const { return row_; }

  // Each of these is asked for once at most.

  // The row continues the last tokens of the text.
  void Continue(size_t prompt, size_t output);
  bool HasHistory() const { return !state_.output_token_ids.empty(); }

  // DRY as llama.cpp has it, with four breakers, each one token in a hundred of the text.
  void UseDry(double multiplier);

  // These take `count` tokens of which one in six is likely. What is banned is not among the first
  // that are allowed.
  void AddBias(size_t count);
  void AllowOnly(size_t count);
  void Ban(size_t count);
  void MaskAllBut(size_t count);
  // Sequences of three tokens; every tenth applies. REQUIRES: a history.
  void BanSequences(size_t count);
  // REQUIRES: a history.
  void HoldStops();

  // Allows each token with this probability, and eight of the likely ones.
  void Mask(double density);

 private:
  // Which of the row's tokens a list takes.
  enum class End : uint8_t { kFront, kBack };

  std::vector<int32_t> Tokens(size_t count, End end = End::kFront) const;
  void AllowInMask(int32_t token) { mask_[token / 8] |= std::byte{1} << token % 8; }
  void ClearMask();

  const int row_;
  const Material& material_;
  core::SamplingParams params_;
  core::RowState state_;

  // What params_ and state_ point into.
  std::vector<int32_t> bias_tokens_, allowed_, banned_, stops_, sequence_tokens_, breaker_tokens_;
  std::vector<double> biases_;
  std::vector<core::TokenSequence> sequences_, breakers_;
  std::vector<std::byte> mask_;
};

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_ROW_PLAN_H_
