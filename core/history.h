// What the tokens of a sequence so far say about the next: loops, n-grams, banned endings.
#ifndef BOLTZMANN_CORE_HISTORY_H_
#define BOLTZMANN_CORE_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "core/params.h"

namespace boltzmann::core {

// Prompt and output, one after the other. A view; nothing is copied.
class History {
 public:
  explicit History(const RowState& state)
      : prompt_(state.prompt_token_ids), output_(state.output_token_ids) {}

  size_t size() const { return prompt_.size() + output_.size(); }

  // The token that `back` others follow. REQUIRES: back < size().
  int32_t FromEnd(size_t back) const {
    return back < output_.size() ? output_[output_.size() - 1 - back] : prompt_[size() - 1 - back];
  }

  // Whether it ends with these tokens.
  bool EndsWith(absl::Span<const int32_t> tokens) const;

 private:
  absl::Span<const int32_t> prompt_;
  absl::Span<const int32_t> output_;
};

// Memory that is reused from row to row: 8 bytes a token of the history, 8 a sequence breaker.
struct HistoryScratch {
  std::vector<int32_t> backwards;
  std::vector<uint32_t> matches;
  std::vector<uint64_t> breakers;  // last tokens above places in the parameters' list
};

using VisitToken = absl::FunctionRef<void(int32_t token)>;

// The tokens that would complete one of params.banned_sequences; maybe some of them twice.
void ForEachBannedEnding(const SamplingParams& params, const History& history, VisitToken visit);

// The tokens that would complete an n-gram which the history has. REQUIRES: n >= 1. O(history).
void ForEachRepeatedNgram(uint32_t n, const History& history, HistoryScratch& scratch,
                          VisitToken visit);

// For tokens that would repeat the end of the history after an earlier part of it: how long that
// part is, at least params.dry_allowed_length. A token may come several times; one that is a
// sequence breaker by itself does not. O(history + breakers), times a logarithm of the latter.
void ForEachRepetition(const SamplingParams& params, const History& history,
                       HistoryScratch& scratch,
                       absl::FunctionRef<void(int32_t token, uint32_t length)> visit);

// What DRY takes off the logit of a token that would follow a repetition of this length.
double DryPenalty(const SamplingParams& params, uint32_t length);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_HISTORY_H_
