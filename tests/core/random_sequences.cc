#include "tests/core/random_sequences.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace boltzmann::test {
namespace {

constexpr int32_t kMostLogits = 3000;

using Probabilities = std::vector<double>;

template <typename T>
void Shuffle(Stream& s, std::vector<T>& values) {
  for (size_t i = values.size(); i > 1; --i) {
    std::swap(values[i - 1], values[s.Below(static_cast<int64_t>(i))]);
  }
}

// The next row: as the one before, shuffled, or of other logits; hardly ever a bad one.
std::vector<float> NextLogits(Stream& s, std::vector<float> logits) {
  const int64_t kind = s.Below(40);
  if (kind >= 10) Shuffle(s, logits);
  if (kind == 11) logits[s.Below(static_cast<int64_t>(logits.size()))] = s.Of({kNan, kInf});
  if (kind == 12) std::fill(logits.begin(), logits.end(), -kInf);
  if (kind >= 30) logits = BellLogits(logits.size(), s.Next());
  return logits;
}

// What the row is drawn from; a flat distribution if it is none.
Probabilities TargetOf(const Row& row) {
  const ReferenceResult r = Reference(row.logits.widened(), row.params, row.state);
  Probabilities p(row.logits.widened().size(), 1.0 / row.vocab_size());
  for (size_t t = 0; t < r.sampled_logprobs.size(); ++t) p[t] = std::exp(r.sampled_logprobs[t]);
  return p;
}

// Multiplies each by a number in (0, 2], or leaves some out, and makes them add up to 1.
Probabilities Disturb(Stream& s, Probabilities p) {
  const int64_t kind = s.Below(4);
  double total = 0;
  for (double& x : p) {
    if (kind == 1) x *= 2 - 2 * s.Unit();
    if (kind == 2) x += (1 - s.Unit()) / static_cast<double>(p.size());
    if (kind == 3 && s.Below(2) == 0) x = 0;
    total += x;
  }
  if (total < 1e-30) return Probabilities(p.size(), 1.0 / static_cast<double>(p.size()));
  for (double& x : p) x /= total;
  return p;
}

int32_t DrawFrom(Stream& s, const std::vector<float>& probabilities) {
  double left = s.Unit();
  int32_t token = -1;
  for (size_t t = 0; t < probabilities.size(); ++t) {
    if (probabilities[t] <= 0) continue;
    token = static_cast<int32_t>(t);
    if ((left -= probabilities[t]) < 0) break;
  }
  return token;
}

// Breaks the draft: a number that is none, one too large, or nothing for the drafted token.
void Break(Stream& s, int32_t token, std::vector<float>& probabilities) {
  const auto size = static_cast<int64_t>(probabilities.size());
  const float bad = s.Of({kNan, -.25f, 1.5f, kInf, 1.0f});
  probabilities[s.Below(2) == 0 ? token : s.Below(size)] = bad;
  if (s.Below(3) == 0) probabilities[token] = 0;
}

void KeepSome(Stream& s, const std::vector<float>& probabilities, DraftedToken& drafted) {
  for (size_t t = 0; t < probabilities.size(); ++t) {
    if (probabilities[t] == 0) continue;
    drafted.token_ids.push_back(static_cast<int32_t>(t));
  }
  Shuffle(s, drafted.token_ids);
  for (int32_t t : drafted.token_ids) drafted.probabilities.push_back(probabilities[t]);
}

DraftedToken RandomDraft(Stream& s, const Row& row) {
  Probabilities p = TargetOf(row);
  if (s.Below(3) == 0) Shuffle(s, p);
  p = Disturb(s, std::move(p));
  const auto type = s.Of({core::DataType::kFloat32, core::DataType::kFloat32,
                          core::DataType::kFloat16, core::DataType::kBFloat16});
  const Encoded narrowed(std::vector<float>(p.begin(), p.end()), type);
  std::vector<float> q = narrowed.widened();
  DraftedToken drafted{.token_id = std::max(0, DrawFrom(s, q))};
  const int64_t kind = s.Below(3);
  if (s.Below(25) == 0) Break(s, drafted.token_id, q);
  if (kind == 1) drafted.dense = Encoded(q, type, static_cast<size_t>(s.Below(4)));
  if (kind == 2) KeepSome(s, q, drafted);
  return drafted;
}

std::optional<std::vector<std::byte>> RandomMask(Stream& s, int32_t vocab_size) {
  if (s.Below(3) == 0) return std::nullopt;
  std::vector<std::byte> mask((static_cast<size_t>(vocab_size) + 31) / 32 * 4);
  for (std::byte& byte : mask) byte = static_cast<std::byte>(s.Next() | s.Next());
  return mask;
}

}  // namespace

RandomSequences::RandomSequences(int shard)
    : rows_(shard), stream_(20260202 + static_cast<uint64_t>(shard)) {}

Sequence RandomSequences::Next() {
  Stream& s = stream_;
  Sequence sequence{.first = rows_.Next()};
  while (sequence.first.vocab_size() > kMostLogits) sequence.first = rows_.Next();
  Row& first = sequence.first;
  const core::DataType type = first.logits.row().type();
  first.state.draw_count = 1;
  first.named = AllTokens(first.logits.widened().size());
  const int64_t drafts = s.Below(5);
  if (s.Below(4) == 0) {
    for (int64_t i = 0; i <= drafts; ++i) {
      sequence.masks.push_back(RandomMask(s, first.vocab_size()));
    }
  }
  for (int64_t i = 0; i < drafts; ++i) {
    sequence.drafts.push_back(RandomDraft(s, sequence.At(i)));
    sequence.later.emplace_back(NextLogits(s, sequence.At(i).logits.widened()), type);
  }
  return sequence;
}

}  // namespace boltzmann::test
