// That tokens are drawn as often as the distribution says, and independently.
//
// Each test compares counts with what is expected by Pearson's chi-square and fails if
// counts at least as far off would come up by chance once in a million times (alpha = 1e-6)
// or less. Seeds are fixed: a test that passes once passes always, until the draws change.
#include <cmath>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "tests/core/rows.h"
#include "tests/reference.h"
#include "tests/statistical/chi_square.h"

namespace boltzmann::test {
namespace {

using core::SamplingParams;

constexpr uint32_t kTotal = 50000;
constexpr size_t kVocabSize = 32;

TEST(TailOfChiSquare, EqualsPrintedTables) {
  EXPECT_NEAR(TailOfChiSquare(3.841, 1), .05, 1e-4);
  EXPECT_NEAR(TailOfChiSquare(18.307, 10), .05, 1e-4);
  EXPECT_NEAR(TailOfChiSquare(61.098, 31), .001, 1e-5);
  EXPECT_NEAR(TailOfChiSquare(23.928, 1), 1e-6, 1e-8);
  EXPECT_NEAR(TailOfChiSquare(30.665, 3), 1e-6, 1e-8);
}

// What the fixed stream of draws is made of.
enum class Source {
  kIndices,    // one seed, one position, 50,000 draws
  kSeeds,      // seeds 0 to 49,999
  kPositions,  // positions 0 to 49,999 of one seed
};

// The logits of every test: 32 tokens of probabilities that fall by about a fifth each, ids
// shuffled so that the order of ids is not that of ranks.
std::vector<float> Logits() {
  std::vector<float> logits(kVocabSize);
  for (size_t i = 0; i < kVocabSize; ++i) {
    logits[i * 13 % kVocabSize] = -0.21875f * static_cast<float>(i);
  }
  return logits;
}

std::vector<int32_t> DrawMany(const SamplingParams& params, Source source) {
  Row row{.logits = Encoded(Logits()), .params = params};
  row.outputs.model_logprobs = row.outputs.sampled_logprobs = false;
  row.state = {.seed = 20240607, .position = 0, .draw_count = kTotal};
  std::vector<int32_t> tokens;
  if (source == Source::kIndices) {
    const Sampled sampled(SharedEngine(), row);
    tokens.assign(sampled[0].drawn.token_ids.begin(), sampled[0].drawn.token_ids.end());
    return tokens;
  }
  std::vector<Row> rows(kTotal, row);
  for (uint32_t i = 0; i < kTotal; ++i) {
    rows[i].state.draw_count = 1;
    (source == Source::kSeeds ? rows[i].state.seed : rows[i].state.position) = i;
  }
  const Sampled sampled(SharedEngine(), rows);
  for (uint32_t i = 0; i < kTotal; ++i) tokens.push_back(sampled[i].drawn.token_ids[0]);
  return tokens;
}

// The probability of each token by the reference; 0 for those that the filters cut.
std::vector<double> Probabilities(const SamplingParams& params) {
  std::vector<double> probabilities;
  for (double l : Reference(Logits(), params, {}).sampled_logprobs) {
    probabilities.push_back(std::exp(l));
  }
  return probabilities;
}

struct Filters {
  const char* name;
  int32_t top_k;
  double top_p;
};

class Frequencies : public testing::TestWithParam<std::tuple<Filters, Source>> {};

TEST_P(Frequencies, AreThoseOfTheDistributionAndNothingElseIsDrawn) {
  const auto& [filters, source] = GetParam();
  const SamplingParams params{.top_k = filters.top_k, .top_p = filters.top_p};
  const std::vector<double> probabilities = Probabilities(params);
  std::vector<uint32_t> counts(kVocabSize);
  for (int32_t token : DrawMany(params, source)) ++counts.at(token);
  std::vector<double> expected;
  for (size_t i = 0; i < kVocabSize; ++i) {
    expected.push_back(probabilities[i] * kTotal);
    if (probabilities[i] == 0) {
      EXPECT_EQ(counts[i], 0u) << "token " << i << " is outside the kept set";
    }
  }
  EXPECT_GT(ChanceOf(counts, expected), kAlpha);
}

constexpr Filters kFilters[] = {{"All", 0, 1},          {"TopK8", 8, 1},       {"TopK16", 16, 1},
                                {"TopP50", 0, .5},      {"TopP70", 0, .7},     {"TopP99", 0, .99},
                                {"TopK8TopP90", 8, .9}, {"TopK4TopP50", 4, .5}};
constexpr Source kSources[] = {Source::kIndices, Source::kSeeds, Source::kPositions};

std::string NameOf(Source source) {
  return source == Source::kIndices ? "Indices" : source == Source::kSeeds ? "Seeds" : "Positions";
}

INSTANTIATE_TEST_SUITE_P(Filters, Frequencies,
                         testing::Combine(testing::ValuesIn(kFilters), testing::ValuesIn(kSources)),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param).name) + "By" +
                                  NameOf(std::get<1>(test.param));
                         });

class Pairs : public testing::TestWithParam<Source> {};

// Draw i and draw i + 1 must know nothing of each other: 25,000 pairs in 64 cells.
TEST_P(Pairs, OfConsecutiveDrawsAreIndependent) {
  const SamplingParams params{.top_k = 8};
  const std::vector<double> probabilities = Probabilities(params);
  const std::vector<int32_t> tokens = DrawMany(params, GetParam());
  std::vector<uint32_t> counts(kVocabSize * kVocabSize);
  for (size_t i = 0; i + 1 < tokens.size(); i += 2) {
    ++counts.at(tokens[i] * kVocabSize + tokens[i + 1]);
  }
  std::vector<double> expected;
  for (double first : probabilities) {
    for (double second : probabilities) expected.push_back(first * second * (kTotal / 2));
  }
  EXPECT_GT(ChanceOf(counts, expected), kAlpha);
}

INSTANTIATE_TEST_SUITE_P(Sources, Pairs, testing::ValuesIn(kSources),
                         [](const auto& test) { return NameOf(test.param); });

// That the test would see a fault: one token in 32 drawn a tenth too often.
TEST(ChanceOf, IsSmallIfOneTokenIsDrawnATenthTooOften) {
  const std::vector<double> probabilities = Probabilities({});
  std::vector<double> expected;
  std::vector<uint32_t> counts;
  for (double p : probabilities) {
    expected.push_back(p * kTotal);
    counts.push_back(static_cast<uint32_t>(p * kTotal));
  }
  EXPECT_GT(ChanceOf(counts, expected), .99);
  const double shift = .1 * counts[0];
  counts[0] += static_cast<uint32_t>(shift);
  counts[13] -= static_cast<uint32_t>(shift);
  EXPECT_LT(ChanceOf(counts, expected), kAlpha);
}

}  // namespace
}  // namespace boltzmann::test
