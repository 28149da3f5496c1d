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

// The cut of the kept set: exactly the tokens with key >= cut are kept.
// REQUIRES: row.status is kOk, params are valid; `ranking` is of this row.
// Leaves its tallies in the row's blocks: tally again before drawing.
RankKey ApplyFilters(const SamplingParams& params, ScannedRow& row, Ranking& ranking);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_FILTERS_H_
