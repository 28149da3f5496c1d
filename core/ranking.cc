#include "core/ranking.h"

#include <algorithm>
#include <functional>
#include <limits>

namespace boltzmann::core {

absl::Span<const RankKey> Ranking::Top(int32_t count) {
  count = std::min(count, row_.logits.vocab_size());
  std::vector<RankKey>& keys = scratch_.keys;
  if (count > sorted_) {
    GatherAtLeast(LowerBound(count));
    const auto end = keys.begin() + count;
    if (end != keys.end()) std::nth_element(keys.begin(), end - 1, keys.end(), std::greater<>());
    std::sort(keys.begin(), end, std::greater<>());
    sorted_ = count;
  }
  return absl::MakeConstSpan(keys).first(count);
}

int32_t Ranking::RankOf(float logit) const {
  const absl::Span<const RankKey> sorted(scratch_.keys.data(), sorted_);
  // Every key of a greater logit is at least this one.
  const RankKey bound = KeyOf(logit, 0);
  const auto first =
      std::partition_point(sorted.begin(), sorted.end(), [&](RankKey key) { return key > bound; });
  if (first != sorted.end() || sorted_ == row_.logits.vocab_size()) {
    return static_cast<int32_t>(first - sorted.begin()) + 1;
  }
  return CountGreater(row_, logit) + 1;
}

float Ranking::LowerBound(int32_t count) {
  if (static_cast<size_t>(count) > row_.blocks.size()) {
    return -std::numeric_limits<float>::infinity();
  }
  std::vector<float>& maxima = scratch_.block_maxima;
  maxima.clear();
  for (const Block& block : row_.blocks) maxima.push_back(block.max);
  // Each of the `count` greatest maxima is a token of its own.
  std::nth_element(maxima.begin(), maxima.begin() + count - 1, maxima.end(), std::greater<>());
  return maxima[count - 1];
}

void Ranking::GatherAtLeast(float logit) {
  scratch_.keys.clear();
  float logits[kBlockSize];
  for (size_t i = 0; i < row_.blocks.size(); ++i) {
    if (row_.blocks[i].max < logit) continue;
    const int32_t first = static_cast<int32_t>(i) * kBlockSize;
    const int32_t count = std::min(kBlockSize, row_.logits.vocab_size() - first);
    row_.logits.Load(first, count, logits);
    for (int32_t j = 0; j < count; ++j) {
      if (logits[j] >= logit) scratch_.keys.push_back(KeyOf(logits[j], first + j));
    }
  }
}

}  // namespace boltzmann::core
