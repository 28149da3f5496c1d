#include "core/filters.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace boltzmann::core {
namespace {

// How many tokens a nucleus is looked for in first, and by how much more each time.
constexpr int32_t kFirstReach = 32;
constexpr int32_t kReachGrowth = 8;

bool TopKIsOff(int32_t top_k, int32_t vocab_size) { return top_k <= 0 || top_k >= vocab_size; }

// The weights of tokens that are read in order, computed several at a time.
class OrderedWeights {
 public:
  OrderedWeights(const ScannedRow& row, double temperature)
      : row_(row), scale_(row.Scale(temperature)) {}

  // The weight of keys[i]. REQUIRES: i is as in the latest call, or one more, or 0.
  double At(absl::Span<const RankKey> keys, size_t i) {
    if (i >= end_) {
      float logits[kBatch];
      const size_t count = std::min(kBatch, keys.size() - i);
      for (size_t j = 0; j < count; ++j) logits[j] = LogitOf(keys[i + j]);
      row_.kernels.weigh(logits, static_cast<int>(count), scale_, weights_);
      begin_ = i;
      end_ = i + count;
    }
    return weights_[i - begin_];
  }

 private:
  static constexpr size_t kBatch = 16;
  const ScannedRow& row_;
  const WeightScale scale_;
  size_t begin_ = 0;
  size_t end_ = 0;
  double weights_[kBatch];
};

RankKey TopP(double top_p, double temperature, ScannedRow& row, Ranking& ranking, RankKey cut,
             std::optional<Kept>& kept) {
  Kept all = Tally(row, cut, temperature);
  OrderedWeights weights(row, temperature);
  double before = 0;
  RankKey last_kept = cut;
  size_t i = 0;
  for (int32_t reach = kFirstReach;; reach *= kReachGrowth) {
    const auto top = ranking.Top(std::min(reach, ranking.EasyReach()));
    double weight = 1;
    for (; i < top.size(); ++i) {
      if (top[i] < cut) return cut;
      // Where sums in single precision are too coarse to tell, they are made in double.
      const bool close = std::abs(before / all.mass - top_p) <= 2 * all.error;
      if (close) all = TallyExactly(row, cut, temperature);
      if (before / all.mass >= top_p) return last_kept;
      last_kept = top[i];
      weight = weights.At(top, i);
      before += weight;
    }
    const auto vocab_size = static_cast<size_t>(row.logits.vocab_size());
    if (top.size() == vocab_size) return cut;
    // Later tokens weigh no more than this one.
    const double within_reach = (ranking.EasyReach() - static_cast<double>(i)) * weight;
    const bool more = reach < ranking.EasyReach();
    if (more && top_p * all.mass - before < within_reach) continue;
    const Nucleus nucleus = FindNucleus(row, cut, temperature, top_p, ranking.selection_scratch());
    kept = nucleus.kept;
    return nucleus.cut;
  }
}

}  // namespace

bool MeasuresAll(const SamplingParams& params, int32_t vocab_size) {
  return !params.IsGreedy() && params.min_p <= 0 && TopKIsOff(params.top_k, vocab_size);
}

KeptSet ApplyFilters(const SamplingParams& params, double temperature, ScannedRow& row,
                     Ranking& ranking) {
  const int32_t vocab_size = row.logits.vocab_size();
  RankKey cut = kLastFinite;
  std::optional<Kept> kept;
  if (params.IsGreedy()) {
    cut = ranking.Top(1).front();
  } else {
    if (params.min_p > 0) cut = std::max(cut, LastKeyAtLeast(row, params.min_p, temperature));
    if (!TopKIsOff(params.top_k, vocab_size)) cut = std::max(cut, ranking.Kth(params.top_k));
    if (params.top_p < 1) cut = TopP(params.top_p, temperature, row, ranking, cut, kept);
  }
  if (kept) return {cut, *kept};
  if (const auto keys = ranking.Known(cut); !keys.empty()) {
    return {cut, TallyKeys(row, keys, temperature)};
  }
  return {cut, Tally(row, cut, temperature)};
}

}  // namespace boltzmann::core
