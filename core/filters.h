// The truncations: min-p, top-k and top-p. Each shortens the prefix of the total order
// that the one before left.
#ifndef BOLTZMANN_CORE_FILTERS_H_
#define BOLTZMANN_CORE_FILTERS_H_

#include "core/params.h"
#include "core/ranking.h"
#include "core/scan.h"

namespace boltzmann::core {

// Whether the mass of all finite tokens will be asked for: by the nucleus if it is the
// first filter, by the draw if there is none.
bool MeasuresAll(const SamplingParams& params, int32_t vocab_size);

// A kept set: exactly the tokens with key >= cut.
struct KeptSet {
  RankKey cut;
  Kept kept;  // the blocks' kept_mass is its parts
};

// The tokens that the filters keep, at this temperature.
// REQUIRES: row.status is kOk, params are valid; `ranking` is of this row.
KeptSet ApplyFilters(const SamplingParams& params, double temperature, ScannedRow& row,
                     Ranking& ranking);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_FILTERS_H_
