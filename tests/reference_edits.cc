#include "tests/reference_edits.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace boltzmann::test {
namespace {

using core::RowState;
using core::SamplingParams;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLargestFloat = 3.4028234663852886e38;

using Logits = std::vector<double>;
using Tokens = std::vector<int32_t>;

// Sets a logit that is not ruled out. No finite edit makes it infinite, on the way neither.
void Set(Logits& logits, int32_t token, double value) {
  constexpr double kMost = std::numeric_limits<double>::max();
  if (logits[token] > -kInfinity) logits[token] = std::clamp(value, -kMost, kMost);
}

void Ban(Logits& logits, absl::Span<const int32_t> tokens) {
  for (int32_t t : tokens) logits[t] = -kInfinity;
}

// Whether `whole` ends with `part`.
bool EndsWith(absl::Span<const int32_t> whole, absl::Span<const int32_t> part) {
  return part.size() <= whole.size() &&
         std::equal(part.begin(), part.end(), whole.end() - static_cast<int64_t>(part.size()));
}

void Mask(absl::Span<const std::byte> mask, Logits& logits) {
  for (size_t t = 0; t < logits.size(); ++t) {
    // Bit j % 32 of a little-endian word is bit j % 8 of its byte j / 8.
    const bool allowed = t / 8 < mask.size() && (std::to_integer<int>(mask[t / 8]) >> t % 8 & 1);
    if (!allowed) logits[t] = -kInfinity;
  }
}

void AllowOnly(absl::Span<const int32_t> tokens, Logits& logits) {
  Logits allowed(logits.size(), -kInfinity);
  for (int32_t t : tokens) allowed[t] = logits[t];
  logits = allowed;
}

void RuleOut(const SamplingParams& params, const RowState& state, const Tokens& history,
             Logits& logits) {
  if (state.allowed_token_mask) Mask(*state.allowed_token_mask, logits);
  if (!params.allowed_token_ids.empty()) AllowOnly(params.allowed_token_ids, logits);
  Ban(logits, params.banned_token_ids);
  for (core::TokenSequence sequence : params.banned_sequences) {
    if (EndsWith(history, sequence.first(sequence.size() - 1))) Ban(logits, sequence.last(1));
  }
  if (state.output_token_ids.size() < params.min_tokens) Ban(logits, params.stop_token_ids);
}

void AddBias(const SamplingParams& params, Logits& logits) {
  Tokens forced;
  for (size_t i = 0; i < params.logit_biases.size(); ++i) {
    const int32_t token = params.logit_bias_token_ids[i];
    const double bias = params.logit_biases[i];
    if (bias == kInfinity) forced.push_back(token);
    if (bias == -kInfinity) Ban(logits, {token});
    if (std::isfinite(bias)) Set(logits, token, logits[token] + bias);
  }
  if (!forced.empty()) AllowOnly(forced, logits);
}

void Penalise(const SamplingParams& params, const RowState& state, const Tokens& history,
              Logits& logits) {
  std::map<int32_t, int> in_history, in_output;
  for (int32_t t : history) ++in_history[t];
  for (int32_t t : state.output_token_ids) ++in_output[t];
  for (const auto& [t, count] : in_history) {
    const double l = logits[t], r = params.repetition_penalty;
    Set(logits, t, l > 0 ? l / r : l * r);
  }
  for (const auto& [t, count] : in_output) {
    Set(logits, t, logits[t] - params.frequency_penalty * count - params.presence_penalty);
  }
}

// How many last tokens of `history` no repetition reaches across a breaker with.
size_t LongestRepetition(const SamplingParams& params, absl::Span<const int32_t> history) {
  for (size_t end = history.size(); end > 0; --end) {
    for (core::TokenSequence breaker : params.dry_sequence_breakers) {
      if (EndsWith(history.first(end), breaker)) return history.size() - end;
    }
  }
  return history.size();
}

// base^exponent, of the largest exponent up to this one at which that is a finite binary32.
double DryPower(double base, size_t exponent) {
  double power = 1;
  for (size_t i = 0; i < exponent && power * base <= kLargestFloat; ++i) power *= base;
  return power;
}

// How many tokens before `place`, at most `most`, the history ends with as well.
size_t RepeatedBefore(size_t place, size_t most, absl::Span<const int32_t> history) {
  size_t length = std::min(place, most);
  while (!EndsWith(history, history.subspan(place - length, length))) --length;
  return length;
}

void Dry(const SamplingParams& params, absl::Span<const int32_t> history, Logits& logits) {
  if (params.dry_range > 0 && params.dry_range < history.size()) {
    history = history.last(params.dry_range);
  }
  const size_t most = LongestRepetition(params, history);
  std::map<int32_t, size_t> longest;
  for (size_t i = 0; i < history.size(); ++i) {
    longest[history[i]] = std::max(longest[history[i]], RepeatedBefore(i, most, history));
  }
  for (core::TokenSequence breaker : params.dry_sequence_breakers) {
    if (breaker.size() == 1) longest.erase(breaker[0]);
  }
  for (const auto& [t, length] : longest) {
    if (length < params.dry_allowed_length) continue;
    const double power = DryPower(params.dry_base, length - params.dry_allowed_length);
    Set(logits, t, logits[t] - params.dry_multiplier * power);
  }
}

void BanRepeatedNgrams(size_t n, absl::Span<const int32_t> history, Logits& logits) {
  for (size_t i = 0; n > 0 && i + n <= history.size(); ++i) {
    const absl::Span<const int32_t> ngram = history.subspan(i, n);
    if (EndsWith(history, ngram.first(n - 1))) Ban(logits, ngram.last(1));
  }
}

}  // namespace

std::vector<double> ReferenceEdits(std::span<const float> received, const SamplingParams& params,
                                   const RowState& state) {
  Logits logits(received.begin(), received.end());
  Tokens history(state.prompt_token_ids.begin(), state.prompt_token_ids.end());
  history.insert(history.end(), state.output_token_ids.begin(), state.output_token_ids.end());
  RuleOut(params, state, history, logits);
  AddBias(params, logits);
  Penalise(params, state, history, logits);
  if (params.dry_multiplier > 0) Dry(params, history, logits);
  BanRepeatedNgrams(params.no_repeat_ngram_size, history, logits);
  for (double& l : logits) l = RoundEdited(l);
  return logits;
}

double RoundEdited(double logit) {
  if (std::isinf(logit)) return logit;
  int exponent = 0;
  const double mantissa = std::frexp(logit, &exponent);
  const int last_bit = std::max(exponent - 32, -157);
  const double rounded =
      std::ldexp(std::nearbyint(std::ldexp(mantissa, exponent - last_bit)), last_bit);
  return std::clamp(rounded, -kLargestFloat, kLargestFloat);
}

}  // namespace boltzmann::test
