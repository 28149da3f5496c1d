#include "core/history.h"

#include <algorithm>
#include <cmath>

#include "core/elementary.h"

namespace boltzmann::core {
namespace {

// ln of the largest float: as far as DRY's power may grow.
constexpr double kMaxLog = 88.7228391;

// The tokens after the last complete breaker among the `count` last ones; all of them if there is
// none. What repeats lies among these.
size_t TokensAfterBreaker(absl::Span<const TokenSequence> breakers,
                          absl::Span<const int32_t> backwards) {
  size_t after = backwards.size();
  for (const TokenSequence& breaker : breakers) {
    for (size_t end = 0; end + breaker.size() <= backwards.size() && end < after; ++end) {
      const auto last = backwards.subspan(end, breaker.size());
      if (std::equal(breaker.rbegin(), breaker.rend(), last.begin())) after = end;
    }
  }
  return after;
}

// For each token, how many before it, itself included, are as at the end; at most `most`. The Z
// algorithm, on the history backwards.
void FindMatches(absl::Span<const int32_t> backwards, size_t most, std::vector<uint32_t>& matches) {
  const size_t size = backwards.size();
  matches.assign(size, 0);
  size_t begin = 0;  // of the match that reaches farthest, and its end
  size_t end = 0;
  for (size_t i = 1; i < size; ++i) {
    size_t length = i < end ? std::min<size_t>(matches[i - begin], end - i) : 0;
    while (length < most && i + length < size && backwards[length] == backwards[i + length]) {
      ++length;
    }
    matches[i] = static_cast<uint32_t>(length);
    if (i + length > end) {
      begin = i;
      end = i + length;
    }
  }
}

}  // namespace

bool History::EndsWith(absl::Span<const int32_t> tokens) const {
  if (tokens.size() > size()) return false;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (FromEnd(i) != tokens[tokens.size() - 1 - i]) return false;
  }
  return true;
}

void ForEachBannedEnding(const SamplingParams& params, const History& history, VisitToken visit) {
  for (const TokenSequence& sequence : params.banned_sequences) {
    if (history.EndsWith(sequence.first(sequence.size() - 1))) visit(sequence.back());
  }
}

void ForEachRepeatedNgram(uint32_t n, const History& history, VisitToken visit) {
  const size_t known = n - 1;  // the tokens that the n-gram would begin with
  for (size_t next = 0; next + known < history.size(); ++next) {
    size_t same = 0;
    while (same < known && history.FromEnd(next + 1 + same) == history.FromEnd(same)) ++same;
    if (same == known) visit(history.FromEnd(next));
  }
}

void ForEachRepetition(const SamplingParams& params, const History& history,
                       HistoryScratch& scratch,
                       absl::FunctionRef<void(int32_t token, uint32_t length)> visit) {
  const size_t range =
      params.dry_range == 0 ? history.size() : std::min<size_t>(params.dry_range, history.size());
  std::vector<int32_t>& backwards = scratch.backwards;
  backwards.resize(range);
  for (size_t i = 0; i < range; ++i) backwards[i] = history.FromEnd(i);
  const size_t most = TokensAfterBreaker(params.dry_sequence_breakers, backwards);
  if (most < params.dry_allowed_length) return;
  FindMatches(backwards, most, scratch.matches);
  for (size_t i = 1; i < range; ++i) {
    if (scratch.matches[i] >= params.dry_allowed_length)
      visit(backwards[i - 1], scratch.matches[i]);
  }
}

double DryPenalty(const SamplingParams& params, uint32_t length) {
  double exponent = length - params.dry_allowed_length;
  if (params.dry_base > 1.000001) {
    exponent = std::min(exponent, std::floor(kMaxLog / LogPositive(params.dry_base)));
  }
  constexpr double kMost = 1e300;  // so that no infinities meet
  const double power = exponent == 0 ? 1 : Power(params.dry_base, exponent);
  return std::min(kMost, params.dry_multiplier * power);
}

}  // namespace boltzmann::core
