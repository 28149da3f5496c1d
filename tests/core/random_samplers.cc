#include "tests/core/random_samplers.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

// Where two numbers are drawn, each is drawn in a statement or a braced list of its own: the
// order in which a call's arguments are computed is the compiler's choice.

namespace boltzmann::test {
namespace {

using core::SamplingParams;
using core::Stage;
using Tokens = std::vector<int32_t>;

// One row in fifty is as large as a real vocabulary.
constexpr int kLargeRowEvery = 50;

// Whether a parameter is on.
bool IsOn(Stream& s) { return s.Below(4) == 0; }

// A number from 0 to n - 1, an int32_t.
int32_t Below(Stream& s, int64_t n) { return static_cast<int32_t>(s.Below(n)); }

int32_t RandomVocabSize(Stream& s, bool large) {
  if (large) return s.Of({50257, 128256});
  if (s.Below(8) == 0) return s.Of({1, 2, 31, 32, 33, 255, 256, 257, 511, 512, 513, 1024});
  return 1 + Below(s, s.Of({6, 40, 400, 3000, 3000}));
}

// Logits of one kind.
std::vector<float> RandomFiniteLogits(Stream& s, size_t size) {
  std::vector<float> logits(size);
  switch (s.Below(8)) {
    case 0:  // flat
      return BellLogits(size, s.Next(), 1);
    case 1:
    case 2: {  // many ties
      const double width = s.Of({1.0, 3.0}), step = s.Of({0.25, 1.0, 4.0});
      return BellLogits(size, s.Next(), width, step);
    }
    case 3:  // all equal
      std::fill(logits.begin(), logits.end(), s.Of({0.0f, -0.0f, 1.5f, -3e38f, 1e-45f}));
      return logits;
    case 4:  // any size that floats have
      for (float& l : logits) l = s.Of({3.4e38f, -3.4e38f, 1e38f, 0.0f, 1.0f, -2.0f});
      return logits;
    case 5:  // wide: most weights underflow
      return BellLogits(size, s.Next(), 300);
    default:  // peaked
      logits = BellLogits(size, s.Next());
      for (int rank = 0; rank < 30; ++rank) {
        const int64_t token = s.Below(static_cast<int64_t>(size));
        logits[token] = static_cast<float>(10 - 0.2 * rank + 0.1 * s.Bell());
      }
      return logits;
  }
}

std::vector<float> RandomLogits(Stream& s, size_t size) {
  std::vector<float> logits = RandomFiniteLogits(s, size);
  const int64_t kind = s.Below(100);
  const int64_t token = s.Below(static_cast<int64_t>(size));
  if (kind < 30) {
    const double fraction = s.Of({.1, .5, .9, .99});
    for (float& l : logits) l = s.Unit() < fraction ? -kInf : l;
  }
  if (kind >= 98) logits[token] = kind == 98 ? kNan : kInf;
  return logits;
}

// A token, rather a likely one: the best of a few.
int32_t RandomToken(Stream& s, const std::vector<float>& logits) {
  const auto size = static_cast<int64_t>(logits.size());
  int32_t best = Below(s, size);
  const int64_t tries = s.Of<int64_t>({0, 5, 200});
  for (int64_t i = 0; i < tries; ++i) {
    const int32_t token = Below(s, size);
    if (logits[token] > logits[best]) best = token;
  }
  return best;
}

Tokens RandomTokens(Stream& s, const std::vector<float>& logits, int64_t count) {
  Tokens tokens;
  for (int64_t i = 0; i < count; ++i) tokens.push_back(RandomToken(s, logits));
  return tokens;
}

// One to three words, each of 1 to `most` tokens of the alphabet.
RowLists::Sequences RandomSequences(Stream& s, const Tokens& alphabet, int64_t most) {
  RowLists::Sequences sequences(1 + s.Below(3));
  for (Tokens& sequence : sequences) {
    const int64_t length = 1 + s.Below(most);
    for (int64_t i = 0; i < length; ++i) {
      sequence.push_back(alphabet[s.Below(static_cast<int64_t>(alphabet.size()))]);
    }
  }
  return sequences;
}

// A short text of few tokens, part of which was generated.
void WriteHistory(Stream& s, const Tokens& alphabet, RowLists& lists) {
  const int64_t length = s.Of<int64_t>({0, 1, 3, 8, 20, 60});
  for (int64_t i = 0; i < length; ++i) {
    lists.prompt.push_back(alphabet[s.Below(static_cast<int64_t>(alphabet.size()))]);
  }
  const int64_t generated = s.Below(length + 1);
  lists.output.assign(lists.prompt.end() - generated, lists.prompt.end());
  lists.prompt.resize(length - generated);
}

void RandomMask(Stream& s, int32_t vocab_size, RowLists& lists) {
  const size_t most = (static_cast<size_t>(vocab_size) + 31) / 32;
  const size_t words = s.Below(3) == 0 ? 1 + s.Below(static_cast<int64_t>(most)) : most;
  const double allowed = s.Of({1.0, .9, .7, .2});
  lists.mask.emplace(words * 4);
  for (std::byte& byte : *lists.mask) {  // with bits past the vocabulary
    for (int bit = 0; bit < 8; ++bit) {
      if (s.Unit() < allowed) byte |= std::byte{1} << bit;
    }
  }
}

void RandomBias(Stream& s, Tokens tokens, RowLists& lists) {
  std::sort(tokens.begin(), tokens.end());
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  if (s.Below(2) == 0) std::reverse(tokens.begin(), tokens.end());
  const bool force = s.Below(8) == 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const double bias = 6 * s.Unit() - 3;
    lists.biases.push_back(s.Of<double>({bias, bias, 1, -2, 0, 100, 1e-10, -1e30, -kInf}));
    if (force && s.Below(2) == 0) lists.biases.back() = kInf;
  }
  lists.bias_token_ids = std::move(tokens);
}

void RandomRules(Stream& s, const Row& row, const Tokens& alphabet, RowLists& lists) {
  const std::vector<float>& logits = row.logits.widened();
  const int64_t v = row.vocab_size();
  if (IsOn(s)) RandomMask(s, row.vocab_size(), lists);
  if (IsOn(s))
    lists.allowed = RandomTokens(s, logits, 1 + s.Below(s.Of<int64_t>({3, v, v, 3 * v})));
  if (IsOn(s)) lists.banned = RandomTokens(s, logits, 1 + s.Below(10));
  if (IsOn(s)) lists.banned_sequences = RandomSequences(s, alphabet, 3);
  if (IsOn(s)) RandomBias(s, RandomTokens(s, logits, 1 + s.Below(20)), lists);
  if (s.Below(2) == 0) lists.stop = RandomTokens(s, logits, 1 + s.Below(3));
}

void RandomPenalties(Stream& s, const Tokens& alphabet, RowLists& lists, SamplingParams& p) {
  if (!lists.stop.empty()) p.min_tokens = s.Of({0u, 1u, 5u, 1000u});
  if (IsOn(s)) p.repetition_penalty = s.Of({1.1, 1.3, 2.0, .5, 3 * s.Unit() + .01});
  if (IsOn(s)) p.frequency_penalty = s.Of({.5, -1.0, 2.0, 4 * s.Unit() - 2});
  if (IsOn(s)) p.presence_penalty = s.Of({.5, -1.0, 2.0, 4 * s.Unit() - 2});
  if (IsOn(s)) {
    p.dry_multiplier = s.Of({.8, .1, 3 * s.Unit()});
    p.dry_base = s.Of({1.75, 1.75, 1.0, 1.1, 10.0, 1e39});
    p.dry_allowed_length = s.Of({1u, 2u, 2u, 4u});
    p.dry_range = s.Of({0u, 0u, 1u, 5u, 10u, 1000u});
    if (s.Below(3) == 0) lists.breakers = RandomSequences(s, alphabet, 3);
  }
  if (IsOn(s)) p.no_repeat_ngram_size = s.Of({1u, 2u, 2u, 3u, 5u, 100u});
}

void RandomMirostat(Stream& s, Row& row) {
  SamplingParams& p = row.params;
  p.mirostat = s.Of({1u, 2u});
  p.mirostat_tau = s.Of({5.0, 0.0, 1.0, 3.0, 8 * s.Unit()});
  p.mirostat_eta = s.Of({.1, 0.0, 1.0, s.Unit()});
  if (s.Below(3) != 0) row.state.mirostat_mu = s.Of({0.0, 5.0, 8.0, -1.0, 1e6, 20 * s.Unit() - 2});
}

void RandomStages(Stream& s, Row& row) {
  SamplingParams& p = row.params;
  p.temperature = s.Of({1.0, 1.0, 1.0, 1.0, 0.0, 1e-5, .3, .7, 2.0, 100.0, 3 * s.Unit()});
  if (IsOn(s)) p.min_p = s.Of({1e-9, .001, .01, .05, .1, .5, 1.0, s.Unit()});
  if (IsOn(s)) p.top_k = s.Of({-1, 1, 2, 8, 40, 50, 100, 1 + Below(s, row.vocab_size())});
  if (IsOn(s)) p.top_p = s.Of({1e-9, .5, .8, .9, .95, .99, .999999, 1 - s.Unit()});
  if (IsOn(s)) p.typical_p = s.Of({1e-9, .2, .5, .9, .95, .99, .999999, 1 - s.Unit()});
  if (IsOn(s)) p.epsilon_cutoff = s.Of({1e-9, .0001, .0003, .001, .01, .1, s.Unit()});
  if (IsOn(s)) p.eta_cutoff = s.Of({1e-9, .0003, .0006, .002, .01, .1, s.Unit()});
  if (IsOn(s)) p.top_n_sigma = s.Of({.01, 1.0, 1.5, 2.0, 3.0, 5.0, 1e6, 4 * s.Unit()});
  if (IsOn(s)) {
    p.xtc_probability = s.Of({.5, .5, 1.0, 1e-9, s.Unit()});
    p.xtc_threshold = s.Of({.1, .1, .001, .01, .2, .5, .6, 0.0, .5 * s.Unit()});
  }
  if (IsOn(s)) {
    p.dynamic_temperature_range = s.Of({.5, .1, 1.0, 5.0, 2 * s.Unit()});
    // Exponents nearer to 0 turn the last bits of an entropy near 0 into digits of the temperature.
    p.dynamic_temperature_exponent = s.Of({1.0, 1.0, 2.0, .5, 4 * s.Unit() + .5});
  }
  if (IsOn(s)) RandomMirostat(s, row);
}

// All stages, in any order; some of those that are off left out.
std::vector<Stage> RandomOrder(Stream& s, const SamplingParams& p, int32_t vocab_size) {
  const auto all = core::DefaultOrder();
  std::vector<Stage> order(all.begin(), all.end());
  if (s.Below(3) == 0) {
    std::erase(order, Stage::kTopK);
    std::replace(order.begin(), order.end(), Stage::kTopP, Stage::kTopKTopP);
  }
  for (size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[s.Below(static_cast<int64_t>(i))]);
  }
  std::vector<Stage> some;
  for (Stage stage : order) {
    const bool may_go =
        stage == Stage::kTemperature
            ? p.temperature == 1 && p.dynamic_temperature_range == 0
            : stage != Stage::kTopK && stage != Stage::kTopKTopP && !p.IsOn(stage, vocab_size);
    if (!may_go || s.Below(2) == 0) some.push_back(stage);
  }
  return some;
}

void AskAtRandom(Stream& s, Row& row) {
  const int32_t v = row.vocab_size();
  row.outputs = AskAll(v);
  row.outputs.stages = s.Below(4) != 0;
  row.outputs.ranks = s.Below(4) != 0;
  row.outputs.entropy = s.Below(4) != 0;
  row.outputs.model_logprobs = s.Below(8) != 0;
  row.outputs.sampled_logprobs = s.Below(8) != 0;
  if (s.Below(4) == 0) row.outputs.top_model_count = static_cast<uint32_t>(s.Below(v + 1));
  if (s.Below(4) == 0) row.outputs.top_sampled_count = static_cast<uint32_t>(s.Below(v + 1));
  if (s.Below(2) == 0) row.named = v <= 4096 ? AllTokens(v) : Tokens{0, v / 2, v - 1};
}

void ExpectValid(const Row& row) {
  std::vector<core::Violation> violations;
  Validate(row.params, row.vocab_size(), "params", violations);
  Validate(row.state, row.params, row.vocab_size(), "row", violations);
  Validate(row.outputs, row.vocab_size(), "outputs", violations);
  for (const core::Violation& v : violations) ADD_FAILURE() << v.field << ": " << v.description;
}

}  // namespace

RandomSamplers::RandomSamplers(int shard) : stream_(20260101 + static_cast<uint64_t>(shard)) {}

Row RandomSamplers::Next() {
  Stream& s = stream_;
  const int32_t vocab_size = RandomVocabSize(s, made_++ % kLargeRowEvery == 0);
  const auto type = s.Of({core::DataType::kFloat32, core::DataType::kFloat16,
                          core::DataType::kBFloat16, core::DataType::kBFloat16});
  const std::vector<float> logits = RandomLogits(s, vocab_size);
  Row row{.logits = Encoded(logits, type, static_cast<size_t>(s.Below(4)))};
  RowLists lists;
  const Tokens alphabet = RandomTokens(s, row.logits.widened(), 1 + s.Below(4));
  RandomStages(s, row);
  if (IsOn(s)) lists.filter_order = RandomOrder(s, row.params, vocab_size);
  WriteHistory(s, alphabet, lists);
  RandomRules(s, row, alphabet, lists);
  RandomPenalties(s, alphabet, lists, row.params);
  row.state.seed = s.Next();
  row.state.position = s.Of<uint64_t>({0, 1, ~uint64_t{0}, s.Next()});
  row.state.draw_count = s.Of({1u, 2u, 20u});
  if (row.params.mirostat > 0) row.state.draw_count = 1;
  AskAtRandom(s, row);
  row.Keep(std::move(lists));
  ExpectValid(row);
  return row;
}

}  // namespace boltzmann::test
