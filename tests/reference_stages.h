// The stages of the judge: what narrows a distribution down, one after the other, as the .proto
// has them, in plain double precision.
#ifndef BOLTZMANN_TESTS_REFERENCE_STAGES_H_
#define BOLTZMANN_TESTS_REFERENCE_STAGES_H_

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/params.h"

namespace boltzmann::test {

// Softmax over some tokens, given in the total order: entry i of each column is of tokens[i].
struct ReferenceSoftmax {
  // `logits` are by token id. REQUIRES: at least one token; their logits are finite.
  ReferenceSoftmax(const std::vector<int32_t>& tokens, const std::vector<double>& logits,
                   double temperature);

  std::vector<double> weights;   // exp((l - l_max) / T), where l_max is that of tokens[0]
  std::vector<double> logprobs;  // natural
  double total = 0;              // of the weights
  double entropy = 0;            // nats
};

// What is left of a row.
struct ReferenceLeft {
  std::vector<double> logits = {};   // by token id, as edited
  std::vector<int32_t> tokens = {};  // in the total order; none at -infinity
  double temperature = 1;            // reached; 0 if greedy

  // How far the closest comparison of a real number was from the other answer, relatively.
  double margin = std::numeric_limits<double>::infinity();

  ReferenceSoftmax Softmax() const { return {tokens, logits, temperature == 0 ? 1 : temperature}; }
};

// What one stage left, as in core::StageReport.
struct ReferenceStage {
  std::string name;
  size_t token_count = 0;
  double mass = 1;
  double entropy = 0;  // bits
  double temperature = 1;
};

// Mirostat's state before the row.
double ReferenceMu(const core::SamplingParams& params, const core::RowState& state);

// Runs the stages that are on, in their order, and reports each.
std::vector<ReferenceStage> RunReferenceStages(const core::SamplingParams& params,
                                               const core::RowState& state, ReferenceLeft& left);

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_REFERENCE_STAGES_H_
