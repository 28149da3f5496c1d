#include "tests/reference_stages.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/reference.h"

namespace boltzmann::test {
namespace {

using core::RowState;
using core::SamplingParams;
using core::Stage;

constexpr double kLn2 = 0.69314718055994530942;

// Counts a comparison that was `margin` away from the other answer.
void Note(ReferenceLeft& left, double margin) { left.margin = std::min(left.margin, margin); }

// x >= bound, noting how close it was.
bool AtLeast(ReferenceLeft& left, double x, double bound) {
  if (bound > 0) Note(left, std::abs(x / bound - 1));
  return x >= bound;
}

// Keeps the tokens at the places where keep(place) says so.
template <typename Keep>
void KeepPlaces(ReferenceLeft& left, Keep keep) {
  std::vector<int32_t> kept;
  for (size_t i = 0; i < left.tokens.size(); ++i) {
    if (keep(i)) kept.push_back(left.tokens[i]);
  }
  left.tokens = kept;
}

void TopNSigma(const SamplingParams& params, ReferenceLeft& left) {
  const double max = left.logits[left.tokens[0]], n = static_cast<double>(left.tokens.size());
  double mean = 0, square = 0;  // of the distances below the maximum
  for (int32_t t : left.tokens) mean += (max - left.logits[t]) / n;
  for (int32_t t : left.tokens) square += std::pow(max - left.logits[t] - mean, 2) / n;
  const double reach = params.top_n_sigma * std::sqrt(square);
  KeepPlaces(left, [&](size_t i) {
    const double below = max - left.logits[left.tokens[i]];
    if (below > 0) Note(left, std::abs(below - reach) / std::max(below, reach));
    return below <= reach;
  });
}

double DynamicTemperature(const SamplingParams& params, const ReferenceLeft& left) {
  const double low = std::max(0.0, params.temperature - params.dynamic_temperature_range);
  const double high = params.temperature + params.dynamic_temperature_range;
  const size_t n = left.tokens.size();
  const double share = n == 1 ? 0 : left.Softmax().entropy / std::log(static_cast<double>(n));
  return low + (high - low) * std::pow(share, params.dynamic_temperature_exponent);
}

void Temperature(const SamplingParams& params, ReferenceLeft& left) {
  double temperature = params.temperature;
  if (params.dynamic_temperature_range > 0) {
    temperature = DynamicTemperature(params, left);
    Note(left, std::abs(temperature / 1e-5 - 1));
  }
  if (temperature < 1e-5) {
    temperature = 0;
    left.tokens.resize(1);
  }
  left.temperature = temperature;
}

void MinP(const SamplingParams& params, ReferenceLeft& left) {
  const ReferenceSoftmax softmax = left.Softmax();
  KeepPlaces(left, [&](size_t i) {
    return softmax.weights[i] == 1 || AtLeast(left, softmax.weights[i], params.min_p);
  });
}

// Keeps the first k tokens of those before which there is less than the share p of the mass.
void TopKTopP(size_t k, double p, ReferenceLeft& left) {
  const ReferenceSoftmax softmax = left.Softmax();
  double before = 0;
  KeepPlaces(left, [&](size_t i) {
    const double share = before / softmax.total;
    before += softmax.weights[i];
    if (p < 1 && i > 0) Note(left, std::abs(share - p));
    return i < k && (p == 1 || share < p);
  });
}

size_t TopKOf(const SamplingParams& params, const ReferenceLeft& left) {
  return params.top_k > 0 ? static_cast<size_t>(params.top_k) : left.tokens.size();
}

// How close a token kept and one dropped, of different logits, were in the order by
// `distances`; `places` is that order, its first `kept` are kept.
double TypicalMargin(const ReferenceLeft& left, const std::vector<double>& distances,
                     const std::vector<size_t>& places, size_t kept, double entropy) {
  double margin = std::numeric_limits<double>::infinity();
  if (kept == places.size()) return margin;
  const auto compare = [&](size_t a, size_t b) {
    if (left.logits[left.tokens[a]] == left.logits[left.tokens[b]]) return;
    const double scale = std::max({1.0, entropy, distances[a], distances[b]});
    margin = std::min(margin, std::abs(distances[a] - distances[b]) / scale);
  };
  for (size_t i = 0; i < kept; ++i) compare(places[i], places[kept]);
  for (size_t i = kept; i < places.size(); ++i) compare(places[kept - 1], places[i]);
  return margin;
}

void TypicalP(const SamplingParams& params, ReferenceLeft& left) {
  const ReferenceSoftmax softmax = left.Softmax();
  const size_t n = left.tokens.size();
  std::vector<double> distances(n);
  std::vector<size_t> places(n);
  for (size_t i = 0; i < n; ++i) distances[i] = std::abs(-softmax.logprobs[i] - softmax.entropy);
  std::iota(places.begin(), places.end(), 0);
  std::sort(places.begin(), places.end(), [&](size_t a, size_t b) {
    if (distances[a] != distances[b]) return distances[a] < distances[b];
    return left.tokens[a] < left.tokens[b];
  });
  std::vector<bool> is_kept(n);
  double before = 0;
  size_t kept = 0;
  for (size_t place : places) {
    if (kept > 0) Note(left, std::abs(before / softmax.total - params.typical_p));
    if (before / softmax.total >= params.typical_p) break;
    before += softmax.weights[place];
    is_kept[place] = true;
    ++kept;
  }
  Note(left, TypicalMargin(left, distances, places, kept, softmax.entropy));
  KeepPlaces(left, [&](size_t i) { return is_kept[i]; });
}

// Keeps the first token and those of at least this probability.
void Cutoff(double least, const ReferenceSoftmax& softmax, ReferenceLeft& left) {
  KeepPlaces(left, [&](size_t i) {
    return i == 0 || AtLeast(left, softmax.weights[i] / softmax.total, least);
  });
}

void EtaCutoff(const SamplingParams& params, ReferenceLeft& left) {
  const double eta = params.eta_cutoff;
  const ReferenceSoftmax softmax = left.Softmax();
  Cutoff(std::min(eta, std::sqrt(eta) * std::exp(-softmax.entropy)), softmax, left);
}

// The coin needs no margin: both sides of it are the same doubles for everybody.
void Xtc(const SamplingParams& params, const RowState& state, ReferenceLeft& left) {
  if (ReferenceUniform(state.seed, state.position, 0, 3) >= params.xtc_probability) return;
  const ReferenceSoftmax softmax = left.Softmax();
  size_t top = 0;
  for (double w : softmax.weights) top += AtLeast(left, w / softmax.total, params.xtc_threshold);
  if (top < 2) return;
  KeepPlaces(left, [&](size_t i) { return i + 1 >= top; });
}

void Mirostat2(double mu, ReferenceLeft& left) {
  const ReferenceSoftmax softmax = left.Softmax();
  KeepPlaces(left, [&](size_t i) {
    const double surprise = -softmax.logprobs[i] / kLn2;
    if (i > 0) Note(left, std::abs(surprise - mu) / std::max({1.0, std::abs(mu), surprise}));
    return i == 0 || surprise <= mu;
  });
}

// The exponent of the Zipf's law that fits the first tokens best.
double ZipfExponent(const ReferenceLeft& left) {
  double sum_tb = 0, sum_tt = 0;
  const size_t count = std::min<size_t>(100, left.tokens.size());
  for (size_t i = 1; i < count; ++i) {
    const double t = std::log(static_cast<double>(i + 1) / static_cast<double>(i));
    const double fall = left.logits[left.tokens[i - 1]] - left.logits[left.tokens[i]];
    sum_tb += t * (fall / (left.temperature == 0 ? 1 : left.temperature));
    sum_tt += t * t;
  }
  return sum_tb / sum_tt;
}

void Mirostat1(double mu, ReferenceLeft& left) {
  const auto n = static_cast<double>(left.tokens.size());
  if (n == 1) return;
  const double s = ZipfExponent(left), e = s - 1;
  const double log_v = std::log(static_cast<double>(left.logits.size()));
  // e / (1 - V^-e); its limit at e = 0 is 1 / ln V.
  const double scale = e == 0 ? 1 / log_v : e / -std::expm1(-e * log_v);
  const double log_ks = std::log(scale) + mu * kLn2;
  const double k = s == 0 && log_ks == 0 ? 1 : std::exp(log_ks / s);
  // At least `edge` tokens are kept, of 2 to n, iff ln(k^s) >= s ln(edge).
  for (double edge : {std::floor(k), std::floor(k) + 1}) {
    const double distance = std::abs(log_ks - s * std::log(std::clamp(edge, 2.0, n)));
    Note(left, distance / std::max({1.0, std::abs(mu), std::abs(log_ks)}));
  }
  if (k < n) left.tokens.resize(static_cast<size_t>(std::max(1.0, std::floor(k))));
}

// Whether a stage is set so that it may do something.
bool IsSet(Stage stage, const SamplingParams& params, size_t vocab_size) {
  const bool top_k = params.top_k > 0 && static_cast<size_t>(params.top_k) < vocab_size;
  switch (stage) {
    case Stage::kTopNSigma:
      return params.top_n_sigma > 0;
    case Stage::kTemperature:
      return true;
    case Stage::kMinP:
      return params.min_p > 0;
    case Stage::kTopK:
      return top_k;
    case Stage::kTypicalP:
      return params.typical_p < 1;
    case Stage::kTopP:
      return params.top_p < 1;
    case Stage::kEpsilonCutoff:
      return params.epsilon_cutoff > 0;
    case Stage::kEtaCutoff:
      return params.eta_cutoff > 0;
    case Stage::kXtc:
      return params.xtc_probability > 0 && params.xtc_threshold <= .5;
    case Stage::kMirostat:
      return params.mirostat > 0;
    case Stage::kTopKTopP:
      return top_k || params.top_p < 1;
  }
  return false;
}

void RunStage(Stage stage, const SamplingParams& params, const RowState& state,
              ReferenceLeft& left) {
  switch (stage) {
    case Stage::kTopNSigma:
      return TopNSigma(params, left);
    case Stage::kTemperature:
      return Temperature(params, left);
    case Stage::kMinP:
      return MinP(params, left);
    case Stage::kTopK:
      return TopKTopP(TopKOf(params, left), 1, left);
    case Stage::kTypicalP:
      return TypicalP(params, left);
    case Stage::kTopP:
      return TopKTopP(left.tokens.size(), params.top_p, left);
    case Stage::kEpsilonCutoff:
      return Cutoff(params.epsilon_cutoff, left.Softmax(), left);
    case Stage::kEtaCutoff:
      return EtaCutoff(params, left);
    case Stage::kXtc:
      return Xtc(params, state, left);
    case Stage::kMirostat:
      return params.mirostat == 1 ? Mirostat1(ReferenceMu(params, state), left)
                                  : Mirostat2(ReferenceMu(params, state), left);
    case Stage::kTopKTopP:
      return TopKTopP(TopKOf(params, left), params.top_p, left);
  }
}

// The share of the mass before a stage that it left.
double MassLeft(const ReferenceLeft& before, const ReferenceLeft& after) {
  if (before.tokens.size() == after.tokens.size()) return 1;
  const ReferenceSoftmax softmax = before.Softmax();
  double mass = 0;
  size_t next = 0;  // of after.tokens, which are some of before.tokens in the same order
  for (size_t i = 0; i < before.tokens.size() && next < after.tokens.size(); ++i) {
    if (before.tokens[i] != after.tokens[next]) continue;
    mass += softmax.weights[i];
    ++next;
  }
  return mass / softmax.total;
}

}  // namespace

ReferenceSoftmax::ReferenceSoftmax(const std::vector<int32_t>& tokens,
                                   const std::vector<double>& logits, double temperature) {
  double rest = 0, fallen = 0;
  for (int32_t t : tokens) {
    const double scaled = (logits[t] - logits[tokens[0]]) / temperature;
    logprobs.push_back(scaled);
    weights.push_back(std::exp(scaled));
    total += weights.back();
    if (t != tokens[0]) rest += weights.back();
    fallen -= weights.back() * scaled;
  }
  const double log_total = std::log1p(rest);
  for (double& l : logprobs) l -= log_total;
  entropy = log_total + fallen / total;  // two sums without a difference: -sum p ln p
}

double ReferenceMu(const SamplingParams& params, const RowState& state) {
  return state.mirostat_mu.value_or(2 * params.mirostat_tau);
}

std::vector<ReferenceStage> RunReferenceStages(const SamplingParams& params, const RowState& state,
                                               ReferenceLeft& left) {
  std::vector<ReferenceStage> reports;
  for (Stage stage : params.Order()) {
    if (!IsSet(stage, params, left.logits.size())) continue;
    const ReferenceLeft before = left;
    RunStage(stage, params, state, left);
    reports.push_back({core::NameOf(stage), left.tokens.size(), MassLeft(before, left),
                       left.Softmax().entropy / kLn2, left.temperature});
  }
  return reports;
}

}  // namespace boltzmann::test
