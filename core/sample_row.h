// One row, from logits to tokens: the stages, in order.
#ifndef BOLTZMANN_CORE_SAMPLE_ROW_H_
#define BOLTZMANN_CORE_SAMPLE_ROW_H_

#include <vector>

#include "core/batch.h"
#include "core/ranking.h"
#include "core/scan.h"

namespace boltzmann::core {

// Memory that a worker reuses from row to row. It grows to what the largest row needs
// (40 bytes a block of 256 logits; 8 a logit where a row must be sorted) and stays.
struct RowScratch {
  std::vector<Block> blocks;
  RankingScratch ranking;
};

// Scans, filters, draws and reports. Allocates nothing once `scratch` has grown.
// REQUIRES: the request is valid; `result` was laid out for it by Results.
void SampleRow(const Kernels& kernels, const RowRequest& request, RowScratch& scratch,
               ParallelFor parallel_for, RowResult& result);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_SAMPLE_ROW_H_
