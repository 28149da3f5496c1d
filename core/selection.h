// Finds cuts that lie deep in the order of a row's tokens, without sorting the row.
#ifndef BOLTZMANN_CORE_SELECTION_H_
#define BOLTZMANN_CORE_SELECTION_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/scan.h"
#include "core/total_order.h"
#include "hwy/contrib/sort/vqsort.h"

namespace boltzmann::core {

// The most tokens that are ranked at once: 8 bytes each, in SelectionScratch.
inline constexpr int32_t kMaxCandidates = 1 << 15;

// A token and its weight.
struct WeighedKey {
  RankKey key;
  double weight;
};

// Memory that selections reuse from row to row: up to 820 KB.
struct SelectionScratch {
  // Sorts keys into the total order.
  void Sort(absl::Span<RankKey> keys);

  std::vector<RankKey> candidates;
  std::vector<uint32_t> sample;  // ordered bits of logits
  std::vector<double> sample_weights;
  std::vector<double> weights;    // of candidates, where they are needed all at once
  std::vector<double> distances;  // of the same, from what is typical
  std::vector<WeighedKey> group;  // tokens that typical sampling takes together
  std::vector<RankKey> ties;      // more tokens of one logit than candidates may be
  hwy::Sorter sorter;
};

// The key of the token that `count` - 1 others precede. REQUIRES: 1 <= count <= V.
// O(V), two passes as a rule.
RankKey KthKey(const ScannedRow& row, int32_t count, SelectionScratch& scratch);

// A nucleus and its mass.
struct Nucleus {
  RankKey cut;
  Kept kept;  // summed in double; the blocks' kept_mass is its parts
};

// The nucleus of {key >= cut}: the tokens before which there is less than the share `top_p`
// of the mass, to which tokens that the row does not have add `absent_mass`. O(V), two passes as a
// rule.
Nucleus FindNucleus(ScannedRow& row, RankKey cut, double temperature, double top_p,
                    double absent_mass, SelectionScratch& scratch);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_SELECTION_H_
