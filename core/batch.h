// A batch of rows to sample, and its results.
#ifndef BOLTZMANN_CORE_BATCH_H_
#define BOLTZMANN_CORE_BATCH_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/logits.h"
#include "core/params.h"

namespace boltzmann::core {

// One row to sample. What it points to must outlive the sampling.
struct RowRequest {
  LogitRow logits;
  const SamplingParams* params;
  const OutputOptions* outputs;
  RowState state;
};

// Whether a row could be sampled.
enum class RowStatus : uint8_t {
  kOk,
  kNanLogit,          // a logit is NaN
  kPositiveInfinity,  // a logit is +infinity, and none is NaN
  kNoAllowedToken,    // every logit is -infinity
};

// Tokens and what is known of each, as columns. A column is empty if it was not
// asked for, else as long as `token_ids`.
struct TokenTable {
  absl::Span<int32_t> token_ids;
  absl::Span<float> model_logprobs;    // natural log; -infinity where the logit is
  absl::Span<float> sampled_logprobs;  // natural log; -infinity for a token not kept
  absl::Span<int32_t> ranks;           // 1 + tokens whose logit is strictly greater
};

// The answer for one row. If `status` is not kOk, `drawn.token_ids` is all -1, every
// other column is empty, and nothing else but `offending_token` is set.
struct RowResult {
  RowStatus status = RowStatus::kOk;
  int32_t offending_token = -1;          // the first NaN or +infinity
  TokenTable drawn;                      // state.draw_count tokens
  TokenTable top_model;                  // outputs.top_model_count tokens
  TokenTable top_sampled;                // at most outputs.top_sampled_count tokens
  TokenTable named;                      // as outputs.named_token_ids
  std::optional<float> model_entropy;    // bits
  std::optional<float> sampled_entropy;  // bits
  std::optional<uint32_t> kept_count;
  std::optional<float> kept_mass;  // share of the distribution at the row's temperature
};

// What is wrong with a row, for people; empty if it is OK.
std::string Explain(const RowResult& result);

// The results of a batch, with room for all that its rows asked for.
class Results {
 public:
  Results() = default;
  // Lays out an empty result for each row. Allocates, a few times a batch.
  explicit Results(absl::Span<const RowRequest> rows);

  Results(Results&&) = default;
  Results& operator=(Results&&) = default;

  absl::Span<RowResult> rows() { return absl::MakeSpan(rows_); }
  absl::Span<const RowResult> rows() const { return rows_; }

 private:
  std::vector<RowResult> rows_;
  // What the tables of rows_ point into.
  std::vector<int32_t> token_ids_;
  std::vector<float> model_logprobs_;
  std::vector<float> sampled_logprobs_;
  std::vector<int32_t> ranks_;
};

// The tokens that all tables of these rows' results may list together.
uint64_t ListedTokens(absl::Span<const RowRequest> rows);

// Rows that are sampled together. Fill `rows`, hand the batch to an Engine, and
// read `results` when it is done. Only `cancelled` may be touched in between.
struct Batch {
  std::vector<RowRequest> rows;

  // Rows not yet begun at this time are dropped.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();

  // Set by any thread to have the rows not yet begun dropped.
  std::atomic<bool> cancelled{false};

  Results results;
};

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_BATCH_H_
