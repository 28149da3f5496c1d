#include "core/ranking.h"

#include <algorithm>
#include <limits>

namespace boltzmann::core {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The first tokens of the order are sorted for a cut up to this many: their weights are then
// at hand.
constexpr int32_t kMostSorted = 4096;

// Keys gathered for every one asked for, before it is worth finding out which are needed.
constexpr int32_t kMostGathered = 8;

}  // namespace

absl::Span<const RankKey> Ranking::Top(int32_t count) {
  count = std::min(count, row_.logits.vocab_size());
  if (count > sorted_ && !exhausted_) {
    const bool few =
        count <= EasyReach() &&
        Gather(LastKeyAt(LowerBound(count)), std::max(kMostGathered * count, kSmallVocabSize));
    if (!few) Gather(KthKey(row_, count, scratch_.selection), count);
    scratch_.selection.Sort(absl::MakeSpan(scratch_.keys).first(gathered_));
    sorted_ = gathered_;
    exhausted_ = gathered_ < count;
  }
  return absl::MakeConstSpan(scratch_.keys).first(std::min(count, sorted_));
}

absl::Span<const RankKey> Ranking::Known(RankKey cut) const {
  const absl::Span<const RankKey> sorted(scratch_.keys.data(), sorted_);
  const bool all = !sorted.empty() && (sorted.back() <= cut || KnowsAll());
  if (!all) return {};
  const auto end =
      std::partition_point(sorted.begin(), sorted.end(), [cut](RankKey key) { return key >= cut; });
  return sorted.first(end - sorted.begin());
}

RankKey Ranking::Kth(int32_t count) {
  return count <= kMostSorted ? Top(count).back() : KthKey(row_, count, scratch_.selection);
}

void Ranking::Reset() {
  maxima_sorted_ = exhausted_ = false;
  gathered_ = sorted_ = 0;
}

int32_t Ranking::RankOf(double logit) const {
  const absl::Span<const RankKey> sorted(scratch_.keys.data(), sorted_);
  // Every key of a greater logit is at least this one.
  const RankKey bound = KeyOf(logit, 0);
  const auto first =
      std::partition_point(sorted.begin(), sorted.end(), [&](RankKey key) { return key > bound; });
  if (first != sorted.end() || KnowsAll()) {
    return static_cast<int32_t>(first - sorted.begin()) + 1;
  }
  return Count(row_, LastKeyAbove(logit)) + 1;
}

double Ranking::LowerBound(int32_t count) {
  if (count == 1) return row_.max;
  if (static_cast<size_t>(count) > row_.blocks.size()) return -kInfinity;
  std::vector<uint32_t>& maxima = scratch_.block_maxima;
  if (!maxima_sorted_) {
    maxima.clear();
    for (const Block& block : row_.blocks) maxima.push_back(SortableBits(FloatDown(block.max)));
    scratch_.selection.sorter(maxima.data(), maxima.size(), hwy::SortDescending());
    maxima_sorted_ = true;
  }
  // Each of the `count` greatest maxima is a token of its own.
  return FromSortableBits(maxima[count - 1]);
}

bool Ranking::Gather(RankKey low, int32_t most) {
  std::vector<RankKey>& keys = scratch_.keys;
  if (keys.size() < static_cast<size_t>(most)) keys.resize(most);
  if (row_.logits.HasOverlay()) low = std::max(low, kLastFinite);
  gathered_ = row_.kernels.gather(row_.logits, low, row_.max, row_.blocks, keys.data(), most).count;
  return gathered_ <= most;
}

}  // namespace boltzmann::core
