// Locally typical sampling: the tokens whose surprise is nearest to what is expected.
#ifndef BOLTZMANN_CORE_TYPICAL_H_
#define BOLTZMANN_CORE_TYPICAL_H_

#include "core/logits.h"
#include "core/ranking.h"
#include "core/scan.h"

namespace boltzmann::core {

// A window of the total order: {key >= cut} under a ceiling.
struct TypicalSet {
  RankKey cut;
  Ceiling ceiling;
};

// The tokens of {key >= cut} in the order of |l - mean|, where the mean is that of their logits
// weighed by their probability (ties: id ascending), before which there is less than the share
// `typical_p` of the mass. Reads what is deep in the row some four times, else twice.
TypicalSet FindTypical(ScannedRow& row, Ranking& ranking, RankKey cut, double temperature,
                       double typical_p);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_TYPICAL_H_
