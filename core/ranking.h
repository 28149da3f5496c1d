// The tokens of a row in the total order, sorted only as far as somebody reads.
#ifndef BOLTZMANN_CORE_RANKING_H_
#define BOLTZMANN_CORE_RANKING_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/scan.h"
#include "core/total_order.h"

namespace boltzmann::core {

// Memory that rankings reuse from row to row.
struct RankingScratch {
  std::vector<RankKey> keys;
  std::vector<float> block_maxima;
};

// The order of one scanned row. Not thread-safe.
class Ranking {
 public:
  // REQUIRES: row.status is kOk; both outlive the ranking.
  Ranking(const ScannedRow& row, RankingScratch& scratch) : row_(row), scratch_(scratch) {}

  // The keys of the first min(count, V) tokens, in order. Valid until the next call.
  // O(V / kBlockSize) and what it takes to sort the tokens that may be among them: few
  // if count is below the number of blocks and the row is not all ties; else O(V log V).
  absl::Span<const RankKey> Top(int32_t count);

  // 1 + the tokens whose logit is strictly greater. O(log V) where the order is already
  // known, else O(V).
  int32_t RankOf(float logit) const;

 private:
  // A logit that at least `count` tokens reach.
  float LowerBound(int32_t count);
  void GatherAtLeast(float logit);

  const ScannedRow& row_;
  RankingScratch& scratch_;
  int32_t sorted_ = 0;  // the first tokens of scratch_.keys that are in order and place
};

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_RANKING_H_
