// The tokens of a row in the total order, sorted only as far as somebody reads.
#ifndef BOLTZMANN_CORE_RANKING_H_
#define BOLTZMANN_CORE_RANKING_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/scan.h"
#include "core/selection.h"
#include "core/total_order.h"

namespace boltzmann::core {

// Memory that rankings reuse from row to row: 8 bytes for each token that has to be in
// order, or tied with one that has; and what selections take.
struct RankingScratch {
  std::vector<RankKey> keys;
  std::vector<uint32_t> block_maxima;  // ordered bits, in descending order
  SelectionScratch selection;
};

// The order of one scanned row. Not thread-safe.
class Ranking {
 public:
  // REQUIRES: row.status is kOk; both outlive the ranking.
  Ranking(const ScannedRow& row, RankingScratch& scratch) : row_(row), scratch_(scratch) {}

  // The keys of the first min(count, V) tokens, in order; under an overlay, of those only that
  // are not at -infinity. Valid until the next call.
  // O(V / kBlockSize + count log count) if count is below the number of blocks and few are
  // tied; else O(V + count log count).
  absl::Span<const RankKey> Top(int32_t count);

  // The tokens that Top finds by looking at few blocks; all of a small row's.
  int32_t EasyReach() const {
    const int32_t vocab_size = row_.logits.vocab_size();
    return vocab_size <= kSmallVocabSize ? vocab_size
                                         : static_cast<int32_t>(row_.blocks.size() * 3 / 4);
  }

  // The keys >= cut, in order, if Top has found them all; else none.
  absl::Span<const RankKey> Known(RankKey cut) const;

  // The key of the token that `count` - 1 others precede. REQUIRES: 1 <= count <= V. O(V) at
  // most.
  RankKey Kth(int32_t count);

  // Forgets everything: the row's overlay has changed.
  void Reset();

  // 1 + the tokens whose logit is strictly greater. O(log V) where the order is already
  // known, else O(V).
  int32_t RankOf(double logit) const;

  // What selections in this row may use; Top's keys are not in it.
  SelectionScratch& selection_scratch() { return scratch_.selection; }

 private:
  // A row of this size is sorted whole.
  static constexpr int32_t kSmallVocabSize = 4096;

  bool KnowsAll() const { return exhausted_ || sorted_ == row_.logits.vocab_size(); }
  // A logit that at least `count` tokens reach.
  double LowerBound(int32_t count);
  // Puts the tokens with key >= low into scratch_.keys unless there are more than `most`.
  bool Gather(RankKey low, int32_t most);

  const ScannedRow& row_;
  RankingScratch& scratch_;
  bool maxima_sorted_ = false;
  int32_t gathered_ = 0;    // the tokens in scratch_.keys
  bool exhausted_ = false;  // no more tokens than those can be listed
  int32_t sorted_ = 0;      // the first tokens of scratch_.keys that are in order and place
};

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_RANKING_H_
