// The judge: a row sampled in plain double precision, everything sorted, nothing skipped.
// It shares no code with the core and is not fast; it is short enough to be read.
#ifndef BOLTZMANN_TESTS_REFERENCE_H_
#define BOLTZMANN_TESTS_REFERENCE_H_

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "core/batch.h"
#include "core/params.h"

namespace boltzmann::test {

// What a row must give. If `status` is not kOk, only it, `offending_token` and `drawn`
// (all -1) are set.
struct ReferenceResult {
  core::RowStatus status = core::RowStatus::kOk;
  int32_t offending_token = -1;
  std::vector<int32_t> order;  // all V tokens in the total order
  std::vector<int32_t> kept;   // what the filters left, in the total order
  std::vector<int32_t> drawn;  // draw_count tokens

  // By token id.
  std::vector<double> model_logprobs;
  std::vector<double> sampled_logprobs;
  std::vector<int32_t> ranks;

  double model_entropy = 0;    // bits
  double sampled_entropy = 0;  // bits
  double kept_mass = 1;

  // How far the closest call was from the other answer, as a share of what was compared:
  // of the min-p and nucleus edges, and of the draws. Where it is some rounding errors
  // of a double, another order of summation may rightly answer otherwise.
  double kept_margin = std::numeric_limits<double>::infinity();
  double draw_margin = std::numeric_limits<double>::infinity();
};

// Samples one row. REQUIRES: at least one logit; valid parameters. O(V log V) time.
ReferenceResult Reference(std::span<const float> logits, const core::SamplingParams& params,
                          const core::RowState& state);

// The number in [0, 1) that draw `draw` is made from.
double ReferenceUniform(uint64_t seed, uint64_t position, uint32_t draw);

// Philox4x32-10 as in Salmon et al., SC'11.
std::array<uint32_t, 4> ReferencePhilox(std::array<uint32_t, 4> counter,
                                        std::array<uint32_t, 2> key);

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_REFERENCE_H_
