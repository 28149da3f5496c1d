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

// What a sparse row's logits are of: its first tokens in the total order. Every other token
// comes after them. Spans are not owned.
struct Candidates {
  absl::Span<const int32_t> token_ids = {};  // of the logits, in any order; distinct, in [0, V)
  int32_t vocab_size = 0;                    // V

  // ln of the sum of exp(logit) over all V tokens.
  std::optional<double> log_sum_exp = {};
};

// One row to sample. What it points to must outlive the sampling.
struct RowRequest {
  // The row, as it was received: V logits, or those of the candidates, which may not be shared.
  LogitRow logits;
  const SamplingParams* params;
  const OutputOptions* outputs;
  RowState state;
  std::optional<Candidates> candidates = {};  // set if the row is sparse

  // A token to report in place of one that is drawn: then nothing is drawn.
  std::optional<int32_t> scored_token = {};

  int32_t vocab_size() const { return candidates ? candidates->vocab_size : logits.vocab_size(); }
};

// Whether a row could be sampled.
enum class RowStatus : uint8_t {
  kOk,
  kNanLogit,             // a logit is NaN
  kPositiveInfinity,     // a logit is +infinity, and none is NaN
  kNoAllowedToken,       // every logit is -infinity, as received or once edited
  kCandidatesExhausted,  // answered, but the full row's answer could differ
  kInvalidDraft,         // its draft distribution is none
  kLogitsChanged,        // it is shared, and was seen to change while it was read
};

constexpr int kRowStatusCount = 7;

// Whether a row of this status has an answer.
constexpr bool IsAnswered(RowStatus status) {
  return status == RowStatus::kOk || status == RowStatus::kCandidatesExhausted;
}

// Tokens and what is known of each, as columns. A column is empty if it was not
// asked for, else as long as `token_ids`.
struct TokenTable {
  absl::Span<int32_t> token_ids = {};
  absl::Span<float> model_logprobs = {};    // natural log; -infinity where the logit is
  absl::Span<float> sampled_logprobs = {};  // natural log; -infinity for a token not kept
  absl::Span<int32_t> ranks = {};           // 1 + tokens whose logit is strictly greater
};

// What one stage left of a row.
struct StageReport {
  const char* name;  // as StageNames() has it, or "edits"
  uint32_t token_count;
  float mass;          // the share of what was there before
  float entropy;       // bits
  double temperature;  // reached; 0 if greedy
};

// The answer for one row. If it has none, by its status, `drawn.token_ids` is all -1, every
// other column is empty, and nothing else but `offending_token` is set.
struct RowResult {
  RowStatus status = RowStatus::kOk;
  int32_t offending_token = -1;  // the first NaN or +infinity, or what a draft is wrong at
  TokenTable drawn;              // state.draw_count tokens
  TokenTable top_model;          // outputs.top_model_count tokens
  TokenTable top_sampled;        // at most outputs.top_sampled_count tokens
  TokenTable named;              // as outputs.named_token_ids
  std::optional<float> model_entropy = {};    // bits
  std::optional<float> sampled_entropy = {};  // bits
  std::optional<uint32_t> kept_count = {};
  std::optional<float> kept_mass = {};     // share of the distribution at the row's temperature
  std::optional<double> mirostat_mu = {};  // for the next token
  std::vector<StageReport> stages;         // outputs.stages: those that were on
};

// What is wrong with a row, for people; empty if it is OK.
std::string Explain(const RowResult& result);

// A token drafted for one row, and what it was drafted from. Spans are not owned.
struct Draft {
  int32_t token_id = 0;  // in [0, V)

  // The probabilities that it was drafted with: of all V tokens, or of some, distinct, the
  // others having none. Neither means certainty. `dense` may not be shared.
  std::optional<LogitRow> dense = {};
  absl::Span<const int32_t> token_ids = {};  // each in [0, V)
  absl::Span<const float> probabilities = {};
};

// Rows of a batch that verify drafted tokens: one for each, and one more.
struct DraftSequence {
  size_t first_row = 0;
  absl::Span<const Draft> drafts = {};  // not owned
};

// The temperature that makes scored tokens most likely. The .proto says what each is.
struct TemperatureFit {
  double temperature = 1;
  bool at_limit = false;
  double negative_log_likelihood_before = 0;
  double negative_log_likelihood_after = 0;
  double expected_calibration_error_before = 0;
  double expected_calibration_error_after = 0;
};

// What the scored tokens of a batch say about its rows, over those that have an answer.
struct ScoreSummary {
  uint32_t row_count = 0;
  double mean_negative_log_likelihood = 0;  // nats; 0 without rows
  double perplexity = 1;
};

// REQUIRES: every row has a scored token and reports model log-probs; they have been sampled.
ScoreSummary Summarize(absl::Span<const RowResult> results);

// exp of a log-prob.
float Probability(float logprob);

// The results of a batch, with room for all that its rows asked for.
class Results {
 public:
  Results() = default;
  // Lays out an empty result for each row. Allocates, a few times a batch.
  explicit Results(absl::Span<const RowRequest> rows);

  // Of each sequence, how many drafts were accepted. The results of its first accepted + 1 rows
  // are set.
  std::vector<uint32_t> accepted_counts;

  // If it was asked for, any row could be scored, and none was seen to change.
  std::optional<TemperatureFit> temperature_fit = {};

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

  // If there are any, they share out all rows, and verify their drafts. Then each row has a
  // draw_count of 1.
  std::vector<DraftSequence> sequences;

  // Whether to fit a temperature to the rows' scored tokens. REQUIRES: all rows have one and none
  // is sparse.
  bool fit_temperature = false;

  // Rows not yet begun at this time are dropped.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();

  // Set by any thread to have the rows not yet begun dropped.
  std::atomic<bool> cancelled{false};

  Results results;
};

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_BATCH_H_
