// The edits of the judge: what sampling sees in place of the logits received.
#ifndef BOLTZMANN_TESTS_REFERENCE_EDITS_H_
#define BOLTZMANN_TESTS_REFERENCE_EDITS_H_

#include <span>
#include <vector>

#include "core/params.h"

namespace boltzmann::test {

// The row after every edit of `params` and `state`, by token id. A token that is ruled out is
// at -infinity. REQUIRES: no logit is NaN or +infinity; valid parameters.
std::vector<double> ReferenceEdits(std::span<const float> logits,
                                   const core::SamplingParams& params, const core::RowState& state);

// The nearest number of 32 significant bits, ties to even; a finite one stays within the
// largest finite binary32.
double RoundEdited(double logit);

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_REFERENCE_EDITS_H_
