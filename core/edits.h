// What parameters and history change in a row before it is sampled.
#ifndef BOLTZMANN_CORE_EDITS_H_
#define BOLTZMANN_CORE_EDITS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/batch.h"
#include "core/history.h"
#include "core/logits.h"
#include "hwy/contrib/sort/vqsort.h"

namespace boltzmann::core {

// A set of token ids, by bit, that is read in ascending order.
class TokenSet {
 public:
  // Empties it, and makes room for tokens [0, vocab_size).
  void Clear(int32_t vocab_size) { words_.assign((vocab_size + 63) / 64, 0); }

  void Add(int32_t token) { words_[token / 64] |= uint64_t{1} << token % 64; }
  bool Has(int32_t token) const { return words_[token / 64] >> token % 64 & 1; }
  std::vector<uint64_t>& words() { return words_; }
  const std::vector<uint64_t>& words() const { return words_; }

 private:
  std::vector<uint64_t> words_;
};

// What is to happen to one token besides penalties.
struct Touch {
  double bias = 0;
  uint32_t repetition = 0;  // the longest, for DRY; 0 for none
  bool banned = false;
};

// A part of that, as it was found.
struct TouchOf {
  int32_t token;
  Touch touch;
};

// A touched token that a row has.
struct TouchedToken {
  int32_t index;  // among the row's logits
  int32_t token;
  const Touch* touch;
};

// Memory that is reused from row to row: 4 bytes and some bits a token of the vocabulary, 80 for
// each token that is touched, and what the history takes.
struct EditScratch {
  TokenSet allowed;
  TokenSet seen;  // in the history
  TokenSet touched;
  std::vector<TouchOf> found_touches;  // in any order
  std::vector<uint64_t> touch_places;  // token ids above places in that
  std::vector<TouchOf> touches;        // of these, in the order of ids
  hwy::Sorter sorter;
  std::vector<uint32_t> output_counts;  // of each token; 0 but for a while
  std::vector<TouchedToken> touched_tokens;
  std::vector<LogitEdit> edits;
  std::vector<uint32_t> block_begins;
  std::vector<std::byte> candidate_mask;
  HistoryScratch history;
};

// What edits do to tokens of a sparse row that are not among its candidates.
struct AbsentEdits {
  int32_t allowed_count = 0;  // tokens that are not ruled out by masks
  bool touched = false;       // some are changed or ruled out
  bool raised = false;        // some may be lifted
};

// Puts the edits of `params` and `state` over `row`. `token_ids` are those of the row's logits,
// ascending; empty if they are 0, 1, 2 ... Returns what they would do to tokens that the row
// does not have. O(history + V / 64 + tokens touched); for DRY see ForEachRepetition.
// `scratch` must outlive the row's use.
AbsentEdits ApplyEdits(const SamplingParams& params, const RowState& state, int32_t vocab_size,
                       absl::Span<const int32_t> token_ids, EditScratch& scratch, LogitRow& row);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_EDITS_H_
