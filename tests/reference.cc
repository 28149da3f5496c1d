#include "tests/reference.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "tests/reference_edits.h"

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

// The tokens of a row that are not at -infinity, in the total order.
ReferenceLeft All(std::vector<double> logits) {
  ReferenceLeft all{.logits = std::move(logits)};
  for (size_t t = 0; t < all.logits.size(); ++t) {
    if (all.logits[t] > -kInfinity) all.tokens.push_back(static_cast<int32_t>(t));
  }
  std::stable_sort(all.tokens.begin(), all.tokens.end(),
                   [&](int32_t a, int32_t b) { return all.logits[a] > all.logits[b]; });
  return all;
}

// Sets the log-probs of all tokens of the row, and returns the entropy in bits.
double Spread(const ReferenceLeft& left, std::vector<double>& logprobs) {
  const ReferenceSoftmax softmax = left.Softmax();
  logprobs.assign(left.logits.size(), -kInfinity);
  for (size_t i = 0; i < left.tokens.size(); ++i) logprobs[left.tokens[i]] = softmax.logprobs[i];
  return softmax.entropy / std::log(2.0);
}

void DescribeModel(std::span<const float> logits, ReferenceResult& r) {
  const size_t n = logits.size();
  r.order.resize(n);
  std::iota(r.order.begin(), r.order.end(), 0);
  std::stable_sort(r.order.begin(), r.order.end(),
                   [&](int32_t a, int32_t b) { return logits[a] > logits[b]; });
  r.ranks.resize(n);
  for (size_t i = 0; i < n; ++i) {
    const int32_t t = r.order[i], last = r.order[i - (i > 0)];
    r.ranks[t] = i > 0 && logits[t] == logits[last] ? r.ranks[last] : static_cast<int32_t>(i + 1);
  }
  r.model_entropy = Spread(All({logits.begin(), logits.end()}), r.model_logprobs);
}

// The share of `all` that the kept tokens hold, at the temperature that was reached.
double KeptMass(ReferenceLeft all, const ReferenceLeft& kept) {
  if (kept.temperature == 0 || kept.tokens.size() == all.tokens.size()) return 1;
  all.temperature = kept.temperature;
  const ReferenceSoftmax softmax = all.Softmax();
  std::vector<double> weights(all.logits.size());
  for (size_t i = 0; i < all.tokens.size(); ++i) weights[all.tokens[i]] = softmax.weights[i];
  double mass = 0;
  for (int32_t t : kept.tokens) mass += weights[t];
  return mass / softmax.total;
}

void Draw(const core::RowState& state, const ReferenceLeft& left, ReferenceResult& r) {
  const ReferenceSoftmax softmax = left.Softmax();
  std::map<int32_t, double> weights;  // by id, ascending
  for (size_t i = 0; i < left.tokens.size(); ++i) weights[left.tokens[i]] = softmax.weights[i];
  std::vector<int32_t> tokens;
  std::vector<double> cumulative;
  double total = 0;
  for (const auto& [token, weight] : weights) {
    tokens.push_back(token);
    cumulative.push_back(total += weight);
  }
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
  r.drawn.assign(state.draw_count, -1);
  Judge(logits, r);
  if (r.status != core::RowStatus::kOk) return r;
  const ReferenceLeft all = All(ReferenceEdits(logits, params, state));
  if (all.tokens.empty()) {
    r.status = core::RowStatus::kNoAllowedToken;
    return r;
  }
  DescribeModel(logits, r);
  ReferenceLeft left = all;
  r.stages = RunReferenceStages(params, state, left);
  if (!std::equal(logits.begin(), logits.end(), all.logits.begin())) {
    const double entropy = all.Softmax().entropy / std::log(2.0);
    r.stages.insert(r.stages.begin(), {"edits", all.tokens.size(), 1, entropy, 1});
  }
  r.kept = left.tokens;
  r.kept_margin = left.margin;
  r.kept_mass = KeptMass(all, left);
  r.sampled_entropy = Spread(left, r.sampled_logprobs);
  Draw(state, left, r);
  if (params.mirostat > 0) {
    const double surprise = -r.sampled_logprobs[r.drawn[0]] / std::log(2.0);
    r.mirostat_mu =
        ReferenceMu(params, state) - params.mirostat_eta * (surprise - params.mirostat_tau);
  }
  return r;
}

double ReferenceUniform(uint64_t seed, uint64_t position, uint32_t draw, uint32_t domain) {
  const auto low = [](uint64_t x) { return static_cast<uint32_t>(x); };
  const auto x = ReferencePhilox({low(position), low(position >> 32), draw, domain},
                                 {low(seed), low(seed >> 32)});
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
