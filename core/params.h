// What a caller may ask for, and the one place that knows what is allowed.
#ifndef BOLTZMANN_CORE_PARAMS_H_
#define BOLTZMANN_CORE_PARAMS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace boltzmann::core {

// Below this temperature a row is greedy.
inline constexpr double kGreedyTemperature = 1e-5;

// The most tokens that one row may draw in one call.
inline constexpr uint32_t kMaxDrawCount = 1 << 20;

// What narrows a row's distribution down. The .proto says what each does.
enum class Stage : uint8_t {
  kTopNSigma,
  kTemperature,
  kMinP,
  kTopK,
  kTypicalP,
  kTopP,
  kEpsilonCutoff,
  kEtaCutoff,
  kXtc,
  kMirostat,
  kTopKTopP,  // top-k and top-p, both over what the stage before left
};
inline constexpr int kStageCount = 11;

// The stages by the name that callers use; those but the last, in the order in which they run
// by default.
absl::Span<const char* const> StageNames();
inline const char* NameOf(Stage stage) { return StageNames()[static_cast<size_t>(stage)]; }
std::optional<Stage> FindStage(std::string_view name);

// The stages in the order in which they run unless the caller orders otherwise.
absl::Span<const Stage> DefaultOrder();

// Tokens in a row, at least one; not owned.
using TokenSequence = absl::Span<const int32_t>;

// How a row's token is chosen: first logits are edited, then stages run, each over what the one
// before left, renormalised. The .proto says what each does. Spans are not owned.
struct SamplingParams {
  double temperature = 1.0;                   // finite, >= 0; below kGreedyTemperature is greedy
  double min_p = 0.0;                         // [0, 1]; 0 keeps all
  int32_t top_k = 0;                          // >= -1; -1 and 0 keep all
  double top_p = 1.0;                         // (0, 1]; 1 keeps all
  double typical_p = 1.0;                     // (0, 1]; 1 keeps all
  double epsilon_cutoff = 0.0;                // [0, 1); 0 keeps all
  double eta_cutoff = 0.0;                    // [0, 1); 0 keeps all
  double top_n_sigma = 0.0;                   // finite, >= 0; 0 keeps all
  double xtc_probability = 0.0;               // [0, 1]; 0 is off
  double xtc_threshold = 0.1;                 // [0, 1]; above 0.5 is off
  double dynamic_temperature_range = 0.0;     // finite, >= 0; 0 is off
  double dynamic_temperature_exponent = 1.0;  // finite, > 0
  uint32_t mirostat = 0;                      // version: 0 (off), 1 or 2
  double mirostat_tau = 5.0;                  // bits, finite, >= 0
  double mirostat_eta = 0.1;                  // finite, >= 0

  // Distinct; every stage that is on is among them. Empty means DefaultOrder().
  absl::Span<const Stage> filter_order = {};

  absl::Span<const int32_t> logit_bias_token_ids = {};  // each in [0, V), distinct
  absl::Span<const double> logit_biases = {};           // of these tokens; not NaN
  absl::Span<const int32_t> allowed_token_ids = {};     // each in [0, V); none allows all
  absl::Span<const int32_t> banned_token_ids = {};      // each in [0, V)
  absl::Span<const TokenSequence> banned_sequences = {};
  uint32_t min_tokens = 0;                        // of output, before one of stop_token_ids
  absl::Span<const int32_t> stop_token_ids = {};  // each in [0, V)
  double repetition_penalty = 1.0;                // finite, > 0; 1 is off
  double frequency_penalty = 0.0;                 // [-2, 2]
  double presence_penalty = 0.0;                  // [-2, 2]
  double dry_multiplier = 0.0;                    // finite, >= 0; 0 is off
  double dry_base = 1.75;                         // finite, >= 1
  uint32_t dry_allowed_length = 2;                // >= 1
  uint32_t dry_range = 0;                         // last tokens looked at; 0 means all
  absl::Span<const TokenSequence> dry_sequence_breakers = {};
  uint32_t no_repeat_ngram_size = 0;  // 0 is off

  // Whether the temperature takes the first token and nothing else.
  bool IsGreedy() const {
    return temperature < kGreedyTemperature && dynamic_temperature_range == 0;
  }
  // Whether a stage may remove a token of a row of this size, or change the temperature.
  bool IsOn(Stage stage, int32_t vocab_size) const;
  absl::Span<const Stage> Order() const {
    return filter_order.empty() ? DefaultOrder() : filter_order;
  }
};

// What to report about a row besides the tokens drawn.
struct OutputOptions {
  bool model_logprobs = true;                      // under softmax of the row as received
  bool sampled_logprobs = true;                    // under what the token was drawn from
  bool ranks = false;                              // 1 + tokens strictly greater
  bool entropy = false;                            // of both distributions, in bits
  bool kept_stats = false;                         // size and mass of the kept set
  bool stages = false;                             // what each stage left
  uint32_t top_model_count = 0;                    // [0, V]
  uint32_t top_sampled_count = 0;                  // [0, V]
  absl::Span<const int32_t> named_token_ids = {};  // each in [0, V); not owned
};

// The sequence that a row continues, and where its random stream stands. The draws of a row
// depend on nothing else but its logits and parameters. Spans are not owned.
struct RowState {
  uint64_t seed = 0;
  uint64_t position = 0;    // the index of the token being generated
  uint32_t draw_count = 1;  // [1, kMaxDrawCount], with replacement; 1 with mirostat

  absl::Span<const int32_t> prompt_token_ids = {};  // the history, oldest first; each in [0, V)
  absl::Span<const int32_t> output_token_ids = {};  // what was generated of it; each in [0, V)

  // Little-endian words of 32 tokens, token j at bit j % 32 of word j / 32, 1 = allowed; at
  // most ceil(V / 32) of them, tokens past the last are not allowed. Unset allows all.
  std::optional<absl::Span<const std::byte>> allowed_token_mask = {};

  std::optional<double> mirostat_mu = {};  // finite; unset means 2 tau
};

// One broken rule, such as {"params[3].top_p", "1.7 is outside (0, 1]"}.
struct Violation {
  std::string field;
  std::string description;
};

// Each appends a violation for every rule that its argument breaks; `path` is the
// argument's name in the request. They allocate only where there is a violation.
void Validate(const SamplingParams& params, int32_t vocab_size, std::string_view path,
              std::vector<Violation>& violations);
void Validate(const OutputOptions& outputs, int32_t vocab_size, std::string_view path,
              std::vector<Violation>& violations);
// `params` are those that the row is sampled with, and valid themselves.
void Validate(const RowState& state, const SamplingParams& params, int32_t vocab_size,
              std::string_view path, std::vector<Violation>& violations);

// The same of a list of token ids, `field` being its name in the request. Names the first few
// that are wrong and counts the rest: a list may be long. Returns whether all are in [0, V).
bool ValidateTokens(absl::Span<const int32_t> ids, int32_t vocab_size, const std::string& field,
                    std::vector<Violation>& violations);

// Appends to `order` the stages of these names; a violation for each that is unknown or there
// already.
void ParseFilterOrder(absl::Span<const std::string_view> names, std::string_view path,
                      std::vector<Stage>& order, std::vector<Violation>& violations);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_PARAMS_H_
