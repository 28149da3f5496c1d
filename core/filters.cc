#include "core/filters.h"

#include <algorithm>

namespace boltzmann::core {
namespace {

// How many tokens a nucleus is looked for in first, and by how much more each time.
constexpr int32_t kFirstReach = 64;
constexpr int32_t kReachGrowth = 16;

bool TopKIsOff(int32_t top_k, int32_t vocab_size) { return top_k <= 0 || top_k >= vocab_size; }

RankKey MinP(double min_p, double temperature, const ScannedRow& row, RankKey cut) {
  return std::max(cut, LastKeyAtLeast(row, min_p, temperature));
}

RankKey TopK(int32_t top_k, Ranking& ranking, RankKey cut) {
  return std::max(cut, ranking.Top(top_k).back());
}

RankKey TopP(double top_p, double temperature, ScannedRow& row, Ranking& ranking, RankKey cut) {
  const double mass = Tally(row, cut, temperature).mass;
  const int32_t vocab_size = row.logits.vocab_size();
  double before = 0;
  RankKey last_kept = cut;
  size_t i = 0;
  for (int64_t reach = kFirstReach; i < static_cast<size_t>(vocab_size); reach *= kReachGrowth) {
    const auto top = ranking.Top(static_cast<int32_t>(std::min<int64_t>(reach, vocab_size)));
    for (; i < top.size(); ++i) {
      if (top[i] < cut) return cut;
      if (before / mass >= top_p) return last_kept;
      last_kept = top[i];
      before += Weight(LogitOf(top[i]), row.max, temperature);
    }
  }
  return cut;
}

}  // namespace

bool MeasuresAll(const SamplingParams& params, int32_t vocab_size) {
  return !params.IsGreedy() && params.min_p <= 0 && TopKIsOff(params.top_k, vocab_size);
}

RankKey ApplyFilters(const SamplingParams& params, ScannedRow& row, Ranking& ranking) {
  if (params.IsGreedy()) return ranking.Top(1).front();
  RankKey cut = kLastFinite;
  if (params.min_p > 0) cut = MinP(params.min_p, params.temperature, row, cut);
  if (!TopKIsOff(params.top_k, row.logits.vocab_size())) cut = TopK(params.top_k, ranking, cut);
  if (params.top_p < 1) cut = TopP(params.top_p, params.temperature, row, ranking, cut);
  return cut;
}

}  // namespace boltzmann::core
