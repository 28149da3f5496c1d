// The nucleus of a row.
#ifndef BOLTZMANN_CORE_TOP_P_H_
#define BOLTZMANN_CORE_TOP_P_H_

#include <optional>

#include "core/ranking.h"
#include "core/scan.h"

namespace boltzmann::core {

// What top-p keeps: {key >= cut}, and its mass if that was measured on the way; then the blocks'
// kept_mass is its parts.
struct TopPSet {
  RankKey cut;
  std::optional<Kept> kept;
};

// The tokens of {key >= cut} before which there is less than the share `top_p` of their mass, to
// which tokens that the row does not have add `absent_mass`. REQUIRES: `ranking` is of this row.
TopPSet FindTopP(ScannedRow& row, Ranking& ranking, RankKey cut, double temperature, double top_p,
                 double absent_mass);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_TOP_P_H_
