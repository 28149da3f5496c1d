#include "core/history.h"

#include <algorithm>
#include <cmath>

#include "core/elementary.h"

namespace boltzmann::core {
namespace {

// ln of the largest float: as far as DRY's power may grow.
constexpr double kMaxLog = 88.7228391;

// Puts the breakers in the order of their last tokens.
void SortBreakers(absl::Span<const TokenSequence> breakers, std::vector<uint64_t>& sorted) {
  sorted.clear();
  for (const TokenSequence& breaker : breakers) {
    sorted.push_back(static_cast<uint64_t>(breaker.back()) << 32 | sorted.size());
  }
  std::sort(sorted.begin(), sorted.end());
}

// Whether a breaker for which `is_sought` holds ends with this token.
template <typename Predicate>
bool AnyBreaker(absl::Span<const TokenSequence> breakers, const std::vector<uint64_t>& sorted,
                int32_t last, Predicate is_sought) {
  const auto first =
      std::lower_bound(sorted.begin(), sorted.end(), static_cast<uint64_t>(last) << 32);
  for (auto it = first; it != sorted.end() && static_cast<int32_t>(*it >> 32) == last; ++it) {
    if (is_sought(breakers[static_cast<uint32_t>(*it)])) return true;
  }
  return false;
}

// The tokens after the last complete breaker among these; all of them if there is none. What
// repeats lies among them.
size_t TokensAfterBreaker(absl::Span<const TokenSequence> breakers,
                          const std::vector<uint64_t>& sorted,
                          absl::Span<const int32_t> backwards) {
  if (breakers.empty()) return backwards.size();
  for (size_t end = 0; end < backwards.size(); ++end) {
    const auto rest = backwards.subspan(end);
    const bool ends = AnyBreaker(breakers, sorted, rest[0], [&](const TokenSequence& breaker) {
      return breaker.size() <= rest.size() &&
             std::equal(breaker.rbegin(), breaker.rend(), rest.begin());
    });
    if (ends) return end;
  }
  return backwards.size();
}

// The last tokens of the history, from the last on.
absl::Span<const int32_t> Backwards(const History& history, size_t count, HistoryScratch& scratch) {
  scratch.backwards.resize(count);
  for (size_t i = 0; i < count; ++i) scratch.backwards[i] = history.FromEnd(i);
  return scratch.backwards;
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

void ForEachRepeatedNgram(uint32_t n, const History& history, HistoryScratch& scratch,
                          VisitToken visit) {
  constexpr size_t kShort = 8;  // tokens that are compared without more ado
  const size_t known = n - 1;   // the tokens that the n-gram would begin with
  if (known >= history.size() && known > 0) return;
  if (known > kShort)
    FindMatches(Backwards(history, history.size(), scratch), known, scratch.matches);
  for (size_t next = 0; next + known < history.size(); ++next) {
    size_t same = known > kShort ? scratch.matches[next + 1] : 0;
    while (same < known && known <= kShort &&
           history.FromEnd(next + 1 + same) == history.FromEnd(same)) {
      ++same;
    }
    if (same == known) visit(history.FromEnd(next));
  }
}

void ForEachRepetition(const SamplingParams& params, const History& history,
                       HistoryScratch& scratch,
                       absl::FunctionRef<void(int32_t token, uint32_t length)> visit) {
  const size_t range =
      params.dry_range == 0 ? history.size() : std::min<size_t>(params.dry_range, history.size());
  const absl::Span<const int32_t> backwards = Backwards(history, range, scratch);
  const auto breakers = params.dry_sequence_breakers;
  SortBreakers(breakers, scratch.breakers);
  const size_t most = TokensAfterBreaker(breakers, scratch.breakers, backwards);
  if (most < params.dry_allowed_length) return;
  FindMatches(backwards, most, scratch.matches);
  const auto is_single = [](const TokenSequence& breaker) { return breaker.size() == 1; };
  for (size_t i = 1; i < range; ++i) {
    if (scratch.matches[i] < params.dry_allowed_length) continue;
    const int32_t token = backwards[i - 1];
    if (AnyBreaker(breakers, scratch.breakers, token, is_single)) continue;
    visit(token, scratch.matches[i]);
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
