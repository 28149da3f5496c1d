// What a caller may ask for, and the one place that knows what is allowed.
#ifndef BOLTZMANN_CORE_PARAMS_H_
#define BOLTZMANN_CORE_PARAMS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace boltzmann::core {

// Below this temperature a row is greedy.
inline constexpr double kGreedyTemperature = 1e-5;

// The most tokens that one row may draw in one call.
inline constexpr uint32_t kMaxDrawCount = 1 << 20;

// How a row's token is chosen. The stages run in this order, each over what the
// one before left, renormalised. The .proto says what each does.
struct SamplingParams {
  double temperature = 1.0;  // finite, >= 0; below kGreedyTemperature is greedy
  double min_p = 0.0;        // [0, 1]; 0 keeps all
  int32_t top_k = 0;         // >= -1; -1 and 0 keep all
  double top_p = 1.0;        // (0, 1]; 1 keeps all

  bool IsGreedy() const { return temperature < kGreedyTemperature; }
};

// The stages of SamplingParams by field name, in the order in which they run.
absl::Span<const char* const> StageNames();

// What to report about a row besides the tokens drawn.
struct OutputOptions {
  bool model_logprobs = true;                 // under softmax of the row as received
  bool sampled_logprobs = true;               // under what the token was drawn from
  bool ranks = false;                         // 1 + tokens strictly greater
  bool entropy = false;                       // of both distributions, in bits
  bool kept_stats = false;                    // size and mass of the kept set
  uint32_t top_model_count = 0;               // [0, V]
  uint32_t top_sampled_count = 0;             // [0, V]
  absl::Span<const int32_t> named_token_ids;  // each in [0, V); not owned
};

// Where the row's random stream stands. The draws of a row depend on nothing else.
struct RowState {
  uint64_t seed = 0;
  uint64_t position = 0;    // the index of the token being generated
  uint32_t draw_count = 1;  // [1, kMaxDrawCount], with replacement
};

// One broken rule, such as {"params[3].top_p", "1.7 is outside (0, 1]"}.
struct Violation {
  std::string field;
  std::string description;
};

// Each appends a violation for every rule that its argument breaks; `path` is the
// argument's name in the request. They allocate only where there is a violation.
void Validate(const SamplingParams& params, std::string_view path,
              std::vector<Violation>& violations);
void Validate(const OutputOptions& outputs, int32_t vocab_size, std::string_view path,
              std::vector<Violation>& violations);
void Validate(const RowState& state, std::string_view path, std::vector<Violation>& violations);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_PARAMS_H_
