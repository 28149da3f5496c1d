// Speculative decoding: which drafted tokens the model's own rows accept.
//
// Source: Leviathan et al. 2023, arXiv 2211.17192; Chen et al. 2023, arXiv 2302.01318.
#ifndef BOLTZMANN_CORE_VERIFY_H_
#define BOLTZMANN_CORE_VERIFY_H_

#include "absl/functional/function_ref.h"
#include "core/batch.h"
#include "core/distribution.h"

namespace boltzmann::core {

// Verifies the drafts of one sequence, row by row, and stops at the first that is not accepted, at
// a row without an answer, or when `is_dropped` says so. Returns how many were accepted; as many
// results, and one more unless dropped, are filled as SampleRow would.
// REQUIRES: one more row and result than drafts; every row draws one token.
uint32_t VerifySequence(const Kernels& kernels, absl::Span<const RowRequest> rows,
                        absl::Span<const Draft> drafts, RowScratch& scratch,
                        ParallelFor parallel_for, absl::FunctionRef<bool()> is_dropped,
                        absl::Span<RowResult> results);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_VERIFY_H_
