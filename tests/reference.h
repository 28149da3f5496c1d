// The judge: a row sampled in plain double precision, everything sorted, nothing skipped.
// It shares no code with the core and is not fast; it is short enough to be read: edits in
// reference_edits, stages in reference_stages, and the rest here.
#ifndef BOLTZMANN_TESTS_REFERENCE_H_
#define BOLTZMANN_TESTS_REFERENCE_H_

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "core/batch.h"
#include "core/params.h"
#include "tests/reference_stages.h"

namespace boltzmann::test {

// What a row must give. If `status` is not kOk, only it, `offending_token` and `drawn`
// (all -1) are set.
struct ReferenceResult {
  core::RowStatus status = core::RowStatus::kOk;
  int32_t offending_token = -1;
  std::vector<int32_t> order;  // all V tokens in the total order, as received
  std::vector<int32_t> kept;   // what the stages left, in the total order, as edited
  std::vector<int32_t> drawn;  // draw_count tokens

  // By token id.
  std::vector<double> model_logprobs;
  std::vector<double> sampled_logprobs;
  std::vector<int32_t> ranks;

  double model_entropy = 0;    // bits
  double sampled_entropy = 0;  // bits
  double kept_mass = 1;

  std::optional<double> mirostat_mu;   // for the next token
  std::vector<ReferenceStage> stages;  // "edits" first, if they changed any logit

  // How far the closest call was from the other answer, as a share of what was compared:
  // of every edge of every stage, and of the draws. Where it is some rounding errors
  // of a double, another order of summation may rightly answer otherwise.
  double kept_margin = std::numeric_limits<double>::infinity();
  double draw_margin = std::numeric_limits<double>::infinity();
};

// Samples one row. REQUIRES: at least one logit; valid parameters. O(V log V) time.
ReferenceResult Reference(std::span<const float> logits, const core::SamplingParams& params,
                          const core::RowState& state);

// The number in [0, 1) that draw `draw` is made from; of domain 3, XTC's coin.
double ReferenceUniform(uint64_t seed, uint64_t position, uint32_t draw, uint32_t domain = 0);

// Philox4x32-10 as in Salmon et al., SC'11.
std::array<uint32_t, 4> ReferencePhilox(std::array<uint32_t, 4> counter,
                                        std::array<uint32_t, 2> key);

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_REFERENCE_H_
