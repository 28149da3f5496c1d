#include "tests/reference_verify.h"

#include <algorithm>
#include <cmath>

namespace boltzmann::test {
namespace {

using Probabilities = std::vector<double>;  // by token id

Probabilities TargetOf(const ReferenceResult& row) {
  Probabilities p;
  for (double l : row.sampled_logprobs) p.push_back(std::exp(l));
  return p;
}

Probabilities DraftOf(const ReferenceDraft& draft, size_t vocab_size) {
  Probabilities q(vocab_size);
  if (!draft.given) {
    q[draft.token_id] = 1;
    return q;
  }
  for (const auto& [token, probability] : *draft.given) q[token] = probability;
  return q;
}

// The token that shows that a draft distribution is none; -1 if it is one.
int32_t FaultOf(const ReferenceDraft& draft, size_t vocab_size, double& margin) {
  if (!draft.given) return -1;
  double sum = 0;
  for (const auto& [token, probability] : *draft.given) {
    if (!(0 <= probability && probability <= 1)) return token;
    sum += probability;
  }
  margin = std::min(margin, std::abs(std::abs(sum - 1) - .01));
  const bool adds_up = std::abs(sum - 1) <= .01;
  return adds_up && DraftOf(draft, vocab_size)[draft.token_id] > 0 ? -1 : draft.token_id;
}

// The first token at which the cumulative max(p - q, 0) exceeds u times the whole of it; of p
// alone if there is no such mass.
int32_t DrawResidual(const Probabilities& p, const Probabilities& q, double u, double& margin) {
  Probabilities cumulative;
  double total = 0;
  for (size_t t = 0; t < p.size(); ++t) cumulative.push_back(total += std::max(p[t] - q[t], 0.0));
  if (total == 0) return DrawResidual(p, Probabilities(p.size()), u, margin);
  const double bound = u * total;
  const auto first = std::upper_bound(cumulative.begin(), cumulative.end(), bound);
  margin = std::min(margin, *first - bound);
  if (first != cumulative.begin()) margin = std::min(margin, bound - first[-1]);
  return static_cast<int32_t>(first - cumulative.begin());
}

// The state at position i.
core::RowState StateAt(const ReferenceSequence& sequence, size_t i, std::optional<double> mu,
                       std::vector<int32_t>& output) {
  core::RowState state = sequence.state;
  state.position += i;
  state.mirostat_mu = mu;
  output.assign(state.output_token_ids.begin(), state.output_token_ids.end());
  for (size_t k = 0; k < i; ++k) output.push_back(sequence.drafts[k].token_id);
  state.output_token_ids = output;
  if (!sequence.masks.empty()) {
    state.allowed_token_mask.reset();
    if (sequence.masks[i]) state.allowed_token_mask = *sequence.masks[i];
  }
  return state;
}

// Whether the drafted token is accepted; sets what is emitted. REQUIRES: the row is OK.
bool Decide(const ReferenceDraft& draft, const core::RowState& state, ReferenceResult& row,
            double& margin) {
  const Probabilities p = TargetOf(row), q = DraftOf(draft, p.size());
  const double u = ReferenceUniform(state.seed, state.position, 0, 1);
  const double bound = u * q[draft.token_id], target = p[draft.token_id];
  margin = std::min(margin, std::abs(bound - target) / std::max(bound, target));
  row.draw_margin = std::numeric_limits<double>::infinity();
  const bool accepted = bound < target;
  const double v = ReferenceUniform(state.seed, state.position, 0, 2);
  row.drawn = {accepted ? draft.token_id : DrawResidual(p, q, v, margin)};
  return accepted;
}

// The state of mirostat after the emitted token.
std::optional<double> NextMu(const core::SamplingParams& params, const core::RowState& state,
                             const ReferenceResult& row) {
  if (params.mirostat == 0) return std::nullopt;
  const double surprise = -row.sampled_logprobs[row.drawn[0]] / std::log(2.0);
  return ReferenceMu(params, state) - params.mirostat_eta * (surprise - params.mirostat_tau);
}

ReferenceResult InvalidDraft(int32_t offending_token) {
  ReferenceResult row;
  row.status = core::RowStatus::kInvalidDraft;
  row.offending_token = offending_token;
  row.drawn = {-1};
  return row;
}

}  // namespace

ReferenceVerified ReferenceVerify(const ReferenceSequence& sequence) {
  ReferenceVerified verified;
  std::optional<double> mu = sequence.state.mirostat_mu;
  for (size_t i = 0; i < sequence.rows.size(); ++i) {
    std::vector<int32_t> output;
    const core::RowState state = StateAt(sequence, i, mu, output);
    verified.positions.push_back(Reference(sequence.rows[i], sequence.params, state));
    ReferenceResult& row = verified.positions.back();
    if (row.status != core::RowStatus::kOk) return verified;
    bool accepted = false;
    if (i < sequence.drafts.size()) {
      const ReferenceDraft& draft = sequence.drafts[i];
      const int32_t fault = FaultOf(draft, sequence.rows[i].size(), verified.margin);
      if (fault >= 0) {
        row = InvalidDraft(fault);
        return verified;
      }
      accepted = Decide(draft, state, row, verified.margin);
    }
    verified.margin = std::min({verified.margin, row.kept_margin, row.draw_margin});
    verified.token_ids.push_back(row.drawn[0]);
    row.mirostat_mu = mu = NextMu(sequence.params, state, row);
    if (!accepted) return verified;
    ++verified.accepted_count;
  }
  return verified;
}

}  // namespace boltzmann::test
