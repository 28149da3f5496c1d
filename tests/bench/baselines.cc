#include "tests/bench/baselines.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

namespace boltzmann::bench {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

// Candidates that a nucleus has sorted before it knows how many it needs.
constexpr size_t kFirstSorted = 1024;

constexpr int kBuckets = 128;

// ln of the sum of exp(logit), over the row as received.
float LogTotal(std::span<const float> logits) {
  const float max = *std::max_element(logits.begin(), logits.end());
  float sum = 0;
  for (float logit : logits) sum += std::exp(logit - max);
  return max + std::log(sum);
}

// Softmax of `logits`.
void Softmax(std::span<const float> logits, std::vector<float>& probs) {
  const float max = *std::max_element(logits.begin(), logits.end());
  probs.resize(logits.size());
  float sum = 0;
  for (size_t i = 0; i < logits.size(); ++i) sum += probs[i] = std::exp(logits[i] - max);
  for (float& p : probs) p /= sum;
}

// The token whose exponential clock, of rate p, rings first.
int32_t Race(std::span<const float> probs, std::mt19937& random) {
  int32_t winner = 0;
  float best = -1;
  for (size_t i = 0; i < probs.size(); ++i) {
    const float u = (static_cast<float>(random() >> 8) + .5f) * 0x1p-24f;
    const float pace = probs[i] / -std::log(u);
    if (pace > best) {
      best = pace;
      winner = static_cast<int32_t>(i);
    }
  }
  return winner;
}

}  // namespace

Baseline::Answer SortBased::Sample(std::span<const float> logits,
                                   const core::SamplingParams& params) {
  const float log_total = LogTotal(logits);
  const auto temperature = static_cast<float>(params.temperature);
  scaled_.resize(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) scaled_[i] = logits[i] / temperature;
  if (params.min_p > 0) {
    Softmax(scaled_, probs_);
    const float least =
        static_cast<float>(params.min_p) * *std::max_element(probs_.begin(), probs_.end());
    for (size_t i = 0; i < scaled_.size(); ++i) {
      if (probs_[i] < least) scaled_[i] = kMinusInfinity;
    }
  }
  if (params.top_k > 0 || params.top_p < 1) CutSorted(params);
  Softmax(scaled_, probs_);
  const int32_t token = Race(probs_, random_);
  const auto kept = std::count_if(probs_.begin(), probs_.end(), [](float p) { return p > 0; });
  return {token, logits[token] - log_total, std::log(probs_[token]), static_cast<int32_t>(kept)};
}

void SortBased::CutSorted(const core::SamplingParams& params) {
  sorted_.resize(scaled_.size());
  for (size_t i = 0; i < scaled_.size(); ++i) sorted_[i] = {scaled_[i], static_cast<int32_t>(i)};
  std::stable_sort(sorted_.begin(), sorted_.end(),
                   [](const Entry& a, const Entry& b) { return a.logit > b.logit; });
  if (params.top_k > 0) {
    for (size_t i = params.top_k; i < sorted_.size(); ++i) sorted_[i].logit = kMinusInfinity;
  }
  if (params.top_p < 1) {
    for (size_t i = 0; i < sorted_.size(); ++i) scaled_[i] = sorted_[i].logit;
    Softmax(scaled_, probs_);
    cumulative_.resize(probs_.size());
    std::inclusive_scan(probs_.begin(), probs_.end(), cumulative_.begin());
    const auto top_p = static_cast<float>(params.top_p);
    for (size_t i = 1; i < sorted_.size(); ++i) {
      if (cumulative_[i - 1] >= top_p) sorted_[i].logit = kMinusInfinity;
    }
  }
  for (const Entry& entry : sorted_) scaled_[entry.id] = entry.logit;
}

Baseline::Answer CandidateArray::Sample(std::span<const float> logits,
                                        const core::SamplingParams& params) {
  Fill(logits, static_cast<float>(params.temperature));
  if (params.min_p > 0) MinP(static_cast<float>(params.min_p));
  if (params.top_k > 0) TopK(params.top_k);
  if (params.top_p < 1) TopP(static_cast<float>(params.top_p));
  Softmax();
  const Candidate& drawn = Draw();
  return {drawn.id, logits[drawn.id] - LogTotal(logits), std::log(drawn.p),
          static_cast<int32_t>(candidates_.size())};
}

void CandidateArray::Fill(std::span<const float> logits, float temperature) {
  candidates_.resize(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    candidates_[i] = {static_cast<int32_t>(i), logits[i] / temperature, 0};
  }
  sorted_ = 0;
}

void CandidateArray::MinP(float min_p) {
  float max = kMinusInfinity;
  for (const Candidate& c : candidates_) max = std::max(max, c.logit);
  const float least = max + std::log(min_p);
  std::erase_if(candidates_, [least](const Candidate& c) { return c.logit < least; });
}

void CandidateArray::TopK(size_t k) {
  k = std::min(k, candidates_.size());
  SortFirst(k);
  candidates_.resize(k);
}

void CandidateArray::TopP(float top_p) {
  Softmax();
  SortFirst(std::min(kFirstSorted, candidates_.size()));
  float sum = 0;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    if (i == sorted_) SortFirst(candidates_.size());
    sum += candidates_[i].p;
    if (sum >= top_p) return candidates_.resize(i + 1);
  }
}

// Brings the first `count` candidates of the descending order to the front, in order: spreads
// all over buckets by logit, and sorts the buckets that are reached.
void CandidateArray::SortFirst(size_t count) {
  if (count <= sorted_) return;
  const auto less = [](const Candidate& a, const Candidate& b) { return a.logit < b.logit; };
  const auto [low, high] = std::minmax_element(candidates_.begin(), candidates_.end(), less);
  const float top = high->logit;
  const float scale = (kBuckets - 1) / std::max(top - low->logit, 1e-6f);
  const auto bucket_of = [&](const Candidate& c) {
    return static_cast<int>((top - c.logit) * scale);
  };
  std::array<size_t, kBuckets + 1> begin = {};
  for (const Candidate& c : candidates_) ++begin[bucket_of(c) + 1];
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  std::array<size_t, kBuckets + 1> next = begin;
  buffer_.resize(candidates_.size());
  for (const Candidate& c : candidates_) buffer_[next[bucket_of(c)]++] = c;
  candidates_.swap(buffer_);
  int bucket = 0;
  for (; begin[bucket] < count; ++bucket) {
    std::sort(candidates_.begin() + begin[bucket], candidates_.begin() + begin[bucket + 1],
              [](const Candidate& a, const Candidate& b) { return a.logit > b.logit; });
  }
  sorted_ = begin[bucket];
}

void CandidateArray::Softmax() {
  float max = kMinusInfinity;
  for (const Candidate& c : candidates_) max = std::max(max, c.logit);
  float sum = 0;
  for (Candidate& c : candidates_) sum += c.p = std::exp(c.logit - max);
  for (Candidate& c : candidates_) c.p /= sum;
}

const CandidateArray::Candidate& CandidateArray::Draw() {
  const float u = std::uniform_real_distribution<float>(0, 1)(random_);
  float sum = 0;
  for (const Candidate& c : candidates_) {
    sum += c.p;
    if (sum > u) return c;
  }
  return candidates_.back();
}

}  // namespace boltzmann::bench
