#include "tests/reference.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace boltzmann::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Fills `status` and `offending_token`.
void Judge(std::span<const float> logits, ReferenceResult& r) {
  const auto first = [&](auto is_sought) {
    const auto found = std::find_if(logits.begin(), logits.end(), is_sought);
    return found == logits.end() ? -1 : static_cast<int32_t>(found - logits.begin());
  };
  const int32_t nan = first([](float l) { return l != l; });
  const int32_t infinite = first([](float l) { return l == kInfinity; });
  r.offending_token = nan >= 0 ? nan : infinite;
  if (nan >= 0) {
    r.status = core::RowStatus::kNanLogit;
  } else if (infinite >= 0) {
    r.status = core::RowStatus::kPositiveInfinity;
  } else if (first([](float l) { return l > -kInfinity; }) < 0) {
    r.status = core::RowStatus::kNoAllowedToken;
  }
}

// Softmax over `tokens` of `scaled` (by id, at most 0): sets the log-probs of these tokens
// and returns the entropy in bits.
double LogSoftmax(const std::vector<int32_t>& tokens, const std::vector<double>& scaled,
                  std::vector<double>& logprobs) {
  double sum = 0, entropy = 0;
  for (int32_t t : tokens) sum += std::exp(scaled[t]);
  for (int32_t t : tokens) logprobs[t] = scaled[t] - std::log(sum);
  for (int32_t t : tokens) {
    const double p = std::exp(logprobs[t]);
    if (p > 0) entropy -= p * logprobs[t] / std::log(2.0);
  }
  return entropy;
}

// Shortens `kept` to what the filters leave of it.
void Filter(const core::SamplingParams& params, const std::vector<double>& weights,
            ReferenceResult& r) {
  std::erase_if(r.kept, [&](int32_t t) {
    if (params.min_p == 0) return false;
    r.kept_margin = std::min(r.kept_margin, std::abs(weights[t] / params.min_p - 1));
    return weights[t] < params.min_p;
  });
  if (params.top_k > 0 && r.kept.size() > static_cast<size_t>(params.top_k)) {
    r.kept.resize(params.top_k);
  }
  double mass = 0, before = 0;
  for (int32_t t : r.kept) mass += weights[t];
  std::erase_if(r.kept, [&](int32_t t) {
    if (params.top_p == 1) return false;
    const bool cut = before / mass >= params.top_p;
    if (before > 0) r.kept_margin = std::min(r.kept_margin, std::abs(before / mass - params.top_p));
    before += weights[t];
    return cut;
  });
}

void Draw(const core::RowState& state, const std::vector<double>& weights, ReferenceResult& r) {
  std::vector<int32_t> tokens = r.kept;
  std::sort(tokens.begin(), tokens.end());
  std::vector<double> cumulative;
  for (double sum = 0; int32_t t : tokens) cumulative.push_back(sum += weights[t]);
  const double total = cumulative.back();
  for (uint32_t d = 0; d < state.draw_count; ++d) {
    const double target = ReferenceUniform(state.seed, state.position, d) * total;
    const auto first = std::upper_bound(cumulative.begin(), cumulative.end(), target);
    r.drawn[d] = tokens[first - cumulative.begin()];
    r.draw_margin = std::min(r.draw_margin, (*first - target) / total);
    if (first != cumulative.begin()) {
      r.draw_margin = std::min(r.draw_margin, (target - first[-1]) / total);
    }
  }
}

}  // namespace

ReferenceResult Reference(std::span<const float> logits, const core::SamplingParams& params,
                          const core::RowState& state) {
  ReferenceResult r;
  const size_t n = logits.size();
  r.drawn.assign(state.draw_count, -1);
  Judge(logits, r);
  if (r.status != core::RowStatus::kOk) return r;

  r.order.resize(n);
  std::iota(r.order.begin(), r.order.end(), 0);
  std::stable_sort(r.order.begin(), r.order.end(),
                   [&](int32_t a, int32_t b) { return logits[a] > logits[b]; });
  r.ranks.resize(n);
  for (size_t i = 0; i < n; ++i) {
    const int32_t t = r.order[i], last = r.order[i - (i > 0)];
    r.ranks[t] = i > 0 && logits[t] == logits[last] ? r.ranks[last] : static_cast<int32_t>(i + 1);
  }

  const double max = logits[r.order[0]];
  const double temperature = params.temperature < 1e-5 ? 1 : params.temperature;
  std::vector<double> scaled(n), weights(n);
  for (size_t i = 0; i < n; ++i) scaled[i] = logits[i] - max;
  r.model_logprobs.assign(n, -kInfinity);
  for (int32_t t : r.order)
    if (logits[t] != -kInfinity) r.kept.push_back(t);
  r.model_entropy = LogSoftmax(r.kept, scaled, r.model_logprobs);

  for (size_t i = 0; i < n; ++i) weights[i] = std::exp(scaled[i] /= temperature);
  double all = 0, left = 0;
  for (int32_t t : r.kept) all += weights[t];
  if (params.temperature < 1e-5) {
    r.kept = {r.order[0]};
    all = 1;
  } else {
    Filter(params, weights, r);
  }
  for (int32_t t : r.kept) left += weights[t];
  r.kept_mass = left / all;
  r.sampled_logprobs.assign(n, -kInfinity);
  r.sampled_entropy = LogSoftmax(r.kept, scaled, r.sampled_logprobs);
  Draw(state, weights, r);
  return r;
}

double ReferenceUniform(uint64_t seed, uint64_t position, uint32_t draw) {
  const auto low = [](uint64_t x) { return static_cast<uint32_t>(x); };
  const auto x =
      ReferencePhilox({low(position), low(position >> 32), draw, 0}, {low(seed), low(seed >> 32)});
  return std::ldexp(static_cast<double>((uint64_t{x[1]} << 32 | x[0]) >> 11), -53);
}

std::array<uint32_t, 4> ReferencePhilox(std::array<uint32_t, 4> c, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * c[0], b = uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<uint32_t>(b >> 32) ^ c[1] ^ key[0], static_cast<uint32_t>(b),
         static_cast<uint32_t>(a >> 32) ^ c[3] ^ key[1], static_cast<uint32_t>(a)};
    key = {key[0] + 0x9E3779B9, key[1] + 0xBB67AE85};
  }
  return c;
}

}  // namespace boltzmann::test
