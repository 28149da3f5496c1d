#include "core/top_p.h"

#include <algorithm>
#include <cmath>

#include "core/selection.h"

namespace boltzmann::core {
namespace {

// How many tokens a nucleus is looked for in first, and by how much more each time.
constexpr int32_t kFirstReach = 32;
constexpr int32_t kReachGrowth = 8;

// The weights of tokens that are read in order, computed several at a time.
class OrderedWeights {
 public:
  OrderedWeights(const ScannedRow& row, double temperature)
      : row_(row), scale_(row.Scale(temperature)) {}

  // The weight of keys[i]. REQUIRES: i is as in the latest call, or one more, or 0.
  double At(absl::Span<const RankKey> keys, size_t i) {
    if (i >= end_) {
      double logits[kBatch];
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

}  // namespace

TopPSet FindTopP(ScannedRow& row, Ranking& ranking, RankKey cut, double temperature, double top_p,
                 double absent_mass) {
  Kept all = Tally(row, cut, temperature);
  all.mass += absent_mass;
  OrderedWeights weights(row, temperature);
  double before = 0;
  RankKey last_kept = cut;
  size_t i = 0;
  for (int32_t reach = kFirstReach;; reach *= kReachGrowth) {
    const int32_t asked = std::min(reach, ranking.EasyReach());
    const auto top = ranking.Top(asked);
    double weight = 1;
    for (; i < top.size(); ++i) {
      if (top[i] < cut) return {cut, {}};
      // Where sums in single precision are too coarse to tell, they are made in double.
      const bool close = std::abs(before / all.mass - top_p) <= 2 * all.error;
      if (close && all.error > 0) {
        all = TallyExactly(row, cut, temperature);
        all.mass += absent_mass;
      }
      if (before / all.mass >= top_p) return {last_kept, {}};
      last_kept = top[i];
      weight = weights.At(top, i);
      before += weight;
    }
    const auto listed = static_cast<int32_t>(top.size());
    if (listed < asked || listed == row.logits.vocab_size()) return {cut, {}};
    // Later tokens weigh no more than this one.
    const double within_reach = (ranking.EasyReach() - static_cast<double>(i)) * weight;
    const bool more = reach < ranking.EasyReach();
    if (more && top_p * all.mass - before < within_reach) continue;
    const Nucleus nucleus =
        FindNucleus(row, cut, temperature, top_p, absent_mass, ranking.selection_scratch());
    return {nucleus.cut, nucleus.kept};
  }
}

}  // namespace boltzmann::core
