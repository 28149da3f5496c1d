#include "tests/bench/row_plan.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <set>
#include <utility>

#include "tests/bench/presets.h"

namespace boltzmann::bench {
namespace {

constexpr size_t kLikelyCount = 50;
constexpr size_t kSeenCount = 16;
constexpr size_t kAnyCount = 300;

// The end of a text, and how far before it stands for the first time.
constexpr size_t kPhraseSize = 16;
constexpr size_t kPhraseDistance = 100;

// Tokens of a text by their frequency: of none other in it but one in a hundred.
constexpr int32_t kBreakerRanks[] = {9, 10, 11, 12};
constexpr int32_t kPhraseRank = 100;

using Random = std::mt19937_64;

double Uniform(Random& random) { return std::uniform_real_distribution<>()(random); }

// The token of this rank by frequency: anywhere in the vocabulary.
int32_t TextToken(int32_t rank) {
  constexpr int64_t kFactor = 48271;  // a prime that the size of the vocabulary is no multiple of
  return static_cast<int32_t>(rank * kFactor % kVocabSize);
}

// The rank of a random token of a text: r with a probability in proportion to ln((r + 1) / r).
int32_t ZipfRank(Random& random) {
  const double rank = std::exp(Uniform(random) * std::log(kVocabSize));
  return std::min(static_cast<int32_t>(rank), kVocabSize - 1);
}

std::vector<int32_t> FirstTokens(const Rows& rows, int row, size_t count) {
  const std::vector<float> logits = rows.Widened(row);
  std::vector<int32_t> tokens(logits.size());
  std::iota(tokens.begin(), tokens.end(), 0);
  const auto end = tokens.begin() + static_cast<int64_t>(count);
  std::partial_sort(tokens.begin(), end, tokens.end(), [&logits](int32_t a, int32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  return {tokens.begin(), end};
}

// `seen` are the likely tokens that it is to have, `next` the one that follows its phrase.
void WriteText(std::span<const int32_t> seen, int32_t next, int row, Random& random,
               std::vector<int32_t>& text) {
  text.resize(kTextSize);
  for (int32_t& token : text) {
    const bool likely = random() % 8 == 0;
    token = likely ? seen[random() % seen.size()] : TextToken(ZipfRank(random));
  }
  const size_t end = text.size() - kPhraseSize;
  for (size_t i = 0; i < kPhraseSize; ++i) {
    const auto rank = static_cast<int32_t>(row * kPhraseSize + i);
    text[end + i] = text[end - kPhraseDistance + i] = TextToken(kPhraseRank + rank);
  }
  text[end - kPhraseDistance + kPhraseSize] = next;
}

std::unique_ptr<Material> MakeMaterial(Shape shape, int row) {
  Random random(static_cast<uint64_t>(row) + 1);
  auto material = std::make_unique<Material>();
  const std::vector<int32_t> first = FirstTokens(PlannedLogits(shape), row, kLikelyCount);
  material->likely = first;
  std::shuffle(material->likely.begin(), material->likely.end(), random);
  WriteText(std::span(material->likely).first(kSeenCount), first[0], row, random, material->text);
  std::set<int32_t> used(first.begin(), first.end());
  while (material->any.size() < kAnyCount) {
    const auto token = static_cast<int32_t>(random() % kVocabSize);
    if (used.insert(token).second) material->any.push_back(token);
  }
  return material;
}

}  // namespace

const Rows& PlannedLogits(Shape shape) {
  return SharedRows(shape, core::DataType::kFloat32, kVocabSize, kPlannedRows);
}

const Material& MaterialOf(Shape shape, int row) {
  static std::map<std::pair<Shape, int>, std::unique_ptr<Material>> made;
  std::unique_ptr<Material>& material = made[{shape, row}];
  if (!material) material = MakeMaterial(shape, row);
  return *material;
}

RowPlan::RowPlan(Shape shape, int row, double temperature)
    : row_(row),
      material_(MaterialOf(shape, row)),
      params_{.temperature = temperature},
      state_{.seed = 1000 + static_cast<uint64_t>(row),
             .position = 17 * static_cast<uint64_t>(row)} {}

void RowPlan::Continue(size_t prompt, size_t output) {
  const auto text = absl::MakeConstSpan(material_.text).last(prompt + output);
  state_.prompt_token_ids = text.first(prompt);
  state_.output_token_ids = text.last(output);
}

void RowPlan::UseDry(double multiplier) {
  params_.dry_multiplier = multiplier;
  for (int32_t rank : kBreakerRanks) breaker_tokens_.push_back(TextToken(rank));
  for (const int32_t& token : breaker_tokens_) breakers_.emplace_back(&token, 1);
  params_.dry_sequence_breakers = breakers_;
}

std::vector<int32_t> RowPlan::Tokens(size_t count, End end) const {
  std::vector<int32_t> tokens;
  const auto take = [&](const std::vector<int32_t>& from, size_t taken) {
    const auto first = end == End::kFront ? from.begin() : from.end() - static_cast<int64_t>(taken);
    tokens.insert(tokens.end(), first, first + static_cast<int64_t>(taken));
  };
  const size_t likely = std::min(count / 6, material_.likely.size());
  take(material_.likely, likely);
  take(material_.any, count - likely);
  Random random(static_cast<uint64_t>(row_));
  std::shuffle(tokens.begin(), tokens.end(), random);
  return tokens;
}

void RowPlan::AddBias(size_t count) {
  bias_tokens_ = Tokens(count);
  Random random(static_cast<uint64_t>(row_));
  for (size_t i = 0; i < count; ++i) biases_.push_back(8 * Uniform(random) - 4);
  params_.logit_bias_token_ids = bias_tokens_;
  params_.logit_biases = biases_;
}

void RowPlan::AllowOnly(size_t count) {
  allowed_ = Tokens(count);
  params_.allowed_token_ids = allowed_;
}

void RowPlan::Ban(size_t count) {
  banned_ = Tokens(count, End::kBack);
  params_.banned_token_ids = banned_;
}

void RowPlan::BanSequences(size_t count) {
  const auto end = absl::MakeConstSpan(material_.text).last(2);
  const std::vector<int32_t> tokens = Tokens(count);
  for (size_t i = 0; i < count; ++i) {
    const bool applies = i % 10 == 0;
    sequence_tokens_.push_back(applies ? end[0] : tokens[(i + 1) % count]);
    sequence_tokens_.push_back(applies ? end[1] : tokens[(i + 2) % count]);
    sequence_tokens_.push_back(tokens[i]);
  }
  for (size_t i = 0; i < count; ++i) sequences_.emplace_back(&sequence_tokens_[3 * i], 3);
  params_.banned_sequences = sequences_;
}

void RowPlan::HoldStops() {
  stops_.assign(material_.likely.begin(), material_.likely.begin() + 5);
  params_.stop_token_ids = stops_;
  params_.min_tokens = static_cast<uint32_t>(state_.output_token_ids.size()) + 10;
}

void RowPlan::ClearMask() {
  mask_.assign((kVocabSize + 31) / 32 * 4, std::byte{0});
  state_.allowed_token_mask = mask_;
}

void RowPlan::MaskAllBut(size_t count) {
  ClearMask();
  for (int32_t token : Tokens(count)) AllowInMask(token);
}

void RowPlan::Mask(double density) {
  ClearMask();
  Random random(static_cast<uint64_t>(row_));
  for (int32_t token = 0; token < kVocabSize; ++token) {
    if (Uniform(random) < density) AllowInMask(token);
  }
  for (size_t i = 0; i < 8; ++i) AllowInMask(material_.likely[i]);
}

}  // namespace boltzmann::bench
