// One row, from logits to tokens.
#ifndef BOLTZMANN_CORE_SAMPLE_ROW_H_
#define BOLTZMANN_CORE_SAMPLE_ROW_H_

#include "core/batch.h"
#include "core/distribution.h"

namespace boltzmann::core {

// Edits, scans, narrows down, draws (or scores) and reports. Allocates nothing once `scratch` has
// grown, but for reports of stages.
// REQUIRES: the request is valid; `result` was laid out for it by Results.
void SampleRow(const Kernels& kernels, const RowRequest& request, RowScratch& scratch,
               ParallelFor parallel_for, RowResult& result);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_SAMPLE_ROW_H_
