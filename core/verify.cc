#include "core/verify.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/philox.h"
#include "core/report.h"

namespace boltzmann::core {
namespace {

// How far from 1 the sum of a draft's probabilities may be: they may have been rounded to 16 bits.
constexpr double kSumDoubt = 0.01;

// What a token was drafted from.
class DraftDistribution {
 public:
  DraftDistribution(const Draft& draft, std::vector<uint64_t>& keys) : draft_(draft), keys_(keys) {
    keys_.clear();
    for (size_t i = 0; i < draft.token_ids.size(); ++i) {
      keys_.push_back(static_cast<uint64_t>(draft.token_ids[i]) << 32 | i);
    }
    std::sort(keys_.begin(), keys_.end());
  }

  // The probability of a token id.
  double At(int32_t id) const {
    if (draft_.dense) return draft_.dense->ReceivedAt(id);
    if (keys_.empty()) return id == draft_.token_id ? 1 : 0;
    const auto found =
        std::lower_bound(keys_.begin(), keys_.end(), static_cast<uint64_t>(id) << 32);
    if (found == keys_.end() || static_cast<int32_t>(*found >> 32) != id) return 0;
    return draft_.probabilities[static_cast<uint32_t>(*found)];
  }

  // A token that shows that this is no distribution which the drafted one can be of.
  std::optional<int32_t> Fault() const {
    double sum = 0;
    const auto is_bad = [&sum](float probability) {
      sum += probability;
      return !(probability >= 0 && probability <= 1);
    };
    for (size_t i = 0; i < draft_.probabilities.size(); ++i) {
      if (is_bad(draft_.probabilities[i])) return draft_.token_ids[i];
    }
    const int32_t dense_size = draft_.dense ? draft_.dense->vocab_size() : 0;
    for (int32_t first = 0; first < dense_size; first += kBlockSize) {
      float probabilities[kBlockSize];
      const int32_t count = std::min(kBlockSize, dense_size - first);
      draft_.dense->LoadReceived(first, count, probabilities);
      for (int32_t i = 0; i < count; ++i) {
        if (is_bad(probabilities[i])) return first + i;
      }
    }
    const bool certain = !draft_.dense && keys_.empty();
    if (certain) return std::nullopt;
    const bool adds_up = std::abs(sum - 1) <= kSumDoubt;
    if (!adds_up || At(draft_.token_id) == 0) return draft_.token_id;
    return std::nullopt;
  }

 private:
  const Draft& draft_;
  std::vector<uint64_t>& keys_;
};

// max(p - q, 0) in units of the mass of p, by blocks.
class Residual {
 public:
  Residual(Distribution& target, const DraftDistribution& draft, std::vector<double>& masses)
      : target_(target), draft_(draft), mass_(target.ExactMass()), masses_(masses) {
    masses_.assign(target.block_count(), 0);
    for (int block = 0; block < target.block_count(); ++block) {
      if (!target.MayKeep(block)) continue;
      double weights[kBlockSize];
      const int32_t count = Load(block, weights);
      for (int32_t i = 0; i < count; ++i) masses_[block] += weights[i];
      total_ += masses_[block];
    }
  }

  // The first token at which the cumulative residual exceeds u times the whole. Nothing if there
  // is no residual: the draft was more likely than the target at every token, but for rounding.
  std::optional<int32_t> TokenAt(double u) const {
    const double bound = u * total_;
    int last = -1;
    double before = 0;
    double after = 0;
    for (int block = 0; block < target_.block_count() && after <= bound; ++block) {
      if (masses_[block] == 0) continue;
      last = block;
      before = after;
      after += masses_[block];
    }
    if (last < 0) return std::nullopt;
    return Walk(last, before, bound);
  }

 private:
  // The residual weights of the tokens of a block; how many those are.
  int32_t Load(int block, double* weights) const {
    const int32_t first = block * kBlockSize;
    const int32_t count = std::min(kBlockSize, target_.size() - first);
    target_.BlockWeights(block, weights);
    for (int32_t i = 0; i < count; ++i) {
      if (weights[i] == 0) continue;
      const double q = draft_.At(target_.IdOf(first + i));
      weights[i] = std::max(0.0, weights[i] - q * mass_);
    }
    return count;
  }

  // The first token of a block at which `before` plus its residual exceeds `bound`, or the last
  // that has any.
  int32_t Walk(int block, double before, double bound) const {
    double weights[kBlockSize];
    const int32_t count = Load(block, weights);
    int32_t token = -1;
    for (int32_t i = 0; i < count && (token < 0 || before <= bound); ++i) {
      if (weights[i] == 0) continue;
      token = block * kBlockSize + i;
      before += weights[i];
    }
    return token;
  }

  Distribution& target_;
  const DraftDistribution& draft_;
  const double mass_;
  std::vector<double>& masses_;
  double total_ = 0;
};

double UniformOf(const RowState& state, RandomDomain domain) {
  return Uniform(state.seed, state.position, 0, domain);
}

// What comes of one row.
struct Outcome {
  int32_t token;  // by its index
  bool accepted;
};

Outcome Decide(Distribution& target, const Draft& draft, const DraftDistribution& drafted,
               const RowState& state, RowScratch& scratch) {
  const std::optional<int32_t> token = target.IndexOf(draft.token_id);
  const double u = UniformOf(state, RandomDomain::kAcceptance);
  if (token && target.IsAbove(*token, u * drafted.At(draft.token_id))) return {*token, true};
  const double v = UniformOf(state, RandomDomain::kResidual);
  const Residual residual(target, drafted, scratch.residual_masses);
  const std::optional<int32_t> instead = residual.TokenAt(v);
  return {instead ? *instead : target.TokenAt(v), false};
}

// Verifies the draft of a row, or draws if there is none, and reports what is emitted. Returns
// whether the draft was accepted.
bool VerifyRow(const Kernels& kernels, const RowRequest& request, const Draft* draft,
               RowScratch& scratch, ParallelFor parallel_for, RowResult& result) {
  Distribution target(kernels, request, scratch, parallel_for,
                      request.outputs->stages ? &result.stages : nullptr);
  if (!IsAnswered(target.status())) {
    ReportBad(target.status(), target.offending_token(), result);
    return false;
  }
  Outcome outcome = {-1, false};
  if (draft == nullptr) {
    outcome.token = target.TokenAt(UniformOf(request.state, RandomDomain::kDraw));
  } else {
    const DraftDistribution drafted(*draft, scratch.draft_keys);
    if (const std::optional<int32_t> fault = drafted.Fault()) {
      ReportBad(RowStatus::kInvalidDraft, *fault, result);
      return false;
    }
    outcome = Decide(target, *draft, drafted, request.state, scratch);
  }
  result.drawn.token_ids[0] = outcome.token;
  Report(request, target, result);
  return outcome.accepted;
}

}  // namespace

uint32_t VerifySequence(const Kernels& kernels, absl::Span<const RowRequest> rows,
                        absl::Span<const Draft> drafts, RowScratch& scratch,
                        ParallelFor parallel_for, absl::FunctionRef<bool()> is_dropped,
                        absl::Span<RowResult> results) {
  std::optional<double> mirostat_mu = rows[0].state.mirostat_mu;
  for (uint32_t i = 0;; ++i) {
    if (i > 0 && is_dropped()) return i;
    RowRequest request = rows[i];
    request.state.mirostat_mu = mirostat_mu;
    const Draft* const draft = i < drafts.size() ? &drafts[i] : nullptr;
    try {
      if (!VerifyRow(kernels, request, draft, scratch, parallel_for, results[i])) return i;
    } catch (const LogitsChanged&) {
      ReportBad(RowStatus::kLogitsChanged, -1, results[i]);
      return i;
    }
    mirostat_mu = results[i].mirostat_mu;
  }
}

}  // namespace boltzmann::core
