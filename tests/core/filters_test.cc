// Which tokens temperature, min-p, top-k and top-p leave, where it is easy to get wrong.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/agreement.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

using core::DataType;
using core::SamplingParams;
using testing::ElementsAre;

Row FullRow(Encoded logits, const SamplingParams& params) {
  Row row{.logits = std::move(logits), .params = params, .state = {.seed = 5, .draw_count = 3}};
  row.outputs = AskAll(row.vocab_size());
  return row;
}

// What the filters keep, in the total order.
std::vector<int32_t> Kept(const Encoded& logits, const SamplingParams& params) {
  const Row row = FullRow(logits, params);
  const Sampled sampled(SharedEngine(), row);
  EXPECT_EQ(Compare(row, sampled[0]), Agreement::kFull);
  EXPECT_EQ(*sampled[0].kept_count, sampled[0].top_sampled.token_ids.size());
  return {sampled[0].top_sampled.token_ids.begin(), sampled[0].top_sampled.token_ids.end()};
}

// 2000 logits: every other one, from id 1 on, is tied at the top.
std::vector<float> ThousandWayTie() {
  std::vector<float> logits(2000);
  for (int i = 0; i < 2000; ++i) logits[i] = i % 2 == 1 ? 4.0f : -static_cast<float>(i);
  return logits;
}

TEST(TopK, KeepsLowerTokenIdOnTies) {
  EXPECT_THAT(Kept(Encoded({1, 3, 2, 2, 2, 0}), {.top_k = 3}), ElementsAre(1, 2, 3));
  EXPECT_THAT(Kept(Encoded({2, 2, 2, 2}), {.top_k = 2}), ElementsAre(0, 1));
}

TEST(TopK, TakesZerosOfEitherSignForEqual) {
  EXPECT_THAT(Kept(Encoded({-1, -0.0f, 0.0f, -0.0f}), {.top_k = 2}), ElementsAre(1, 2));
  EXPECT_THAT(Kept(Encoded({-1, 0.0f, -0.0f, 0.0f}), {.top_k = 2}), ElementsAre(1, 2));
}

TEST(TopK, KeepsExactlyKOfAThousandTies) {
  const std::vector<float> logits = ThousandWayTie();
  for (DataType type : kDataTypes) {
    for (int32_t k : {1, 2, 127, 128, 129, 500, 999, 1000, 1001}) {
      const std::vector<int32_t> kept = Kept(Encoded(logits, type), {.top_k = k});
      ASSERT_EQ(kept.size(), static_cast<size_t>(k));
      for (int32_t i = 0; i < std::min(k, 1000); ++i) ASSERT_EQ(kept[i], 2 * i + 1);
      if (k == 1001) {
        EXPECT_EQ(kept[1000], 0);
      }
    }
  }
}

// It once looked for ever, where thousands of tokens left were tied at 0.
TEST(TopK, OfMoreTokensThanAMaskLeavesKeepsThemAll) {
  Row row = FullRow(Encoded(std::vector<float>(50257, 0.0f)), {.top_k = 30000});
  const std::vector<uint32_t> mask(500, 0x55555555);
  row.state.allowed_token_mask =
      absl::MakeConstSpan(reinterpret_cast<const std::byte*>(mask.data()), 4 * mask.size());
  row.outputs = {.kept_stats = true, .named_token_ids = {}};
  EXPECT_EQ(*Sampled(SharedEngine(), row)[0].kept_count, 8000u);
}

TEST(TopK, NeverCountsMinusInfinity) {
  EXPECT_THAT(Kept(Encoded({-kInf, 1, -kInf, 2}), {.top_k = 3}), ElementsAre(3, 1));
  EXPECT_THAT(Kept(Encoded({-kInf, 1, -kInf, 2}), {.top_k = 1}), ElementsAre(3));
}

TEST(TopK, OfOneDrawsTheGreedyTokenFromTiedRowsOfEveryType) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const std::vector<float> logits = BellLogits(1 + 37 * seed, seed, 2.5, 1.0);
    for (DataType type : kDataTypes) {
      const Encoded encoded(logits, type);
      const std::vector<int32_t> greedy = Kept(encoded, {.temperature = 0});
      const std::vector<int32_t> top_1 = Kept(encoded, {.top_k = 1});
      ASSERT_EQ(greedy, top_1);
      const auto first = std::max_element(logits.begin(), logits.end()) - logits.begin();
      ASSERT_THAT(greedy, ElementsAre(static_cast<int32_t>(first)));
    }
  }
}

// The parameters under which a filter keeps all must not change one bit of the answer.
void ExpectNoOp(const Encoded& logits, const SamplingParams& on, const SamplingParams& off) {
  const Row with = FullRow(logits, on), without = FullRow(logits, off);
  EXPECT_EQ(SampleAndPrint(with), SampleAndPrint(without));
}

std::vector<std::vector<float>> RowsOfManyKinds() {
  std::vector<float> gaps = BellLogits(3000, 3);
  for (size_t i = 0; i < gaps.size(); i += 3) gaps[i] = -kInf;
  return {BellLogits(1, 1), BellLogits(777, 1), BellLogits(3000, 2, 300), ThousandWayTie(), gaps};
}

TEST(TopK, OfTheWholeVocabularyOrMoreIsANoOpToTheBit) {
  for (const std::vector<float>& logits : RowsOfManyKinds()) {
    const auto v = static_cast<int32_t>(logits.size());
    for (int32_t k : {-1, v, v + 1, std::numeric_limits<int32_t>::max()}) {
      ExpectNoOp(Encoded(logits), {.top_k = k}, {});
      ExpectNoOp(Encoded(logits), {.top_k = k, .top_p = .9}, {.top_p = .9});
    }
  }
}

TEST(TopP, OfOneIsANoOpToTheBitThoughWeightsUnderflow) {
  for (const std::vector<float>& logits : RowsOfManyKinds()) {
    for (double temperature : {1e-5, .01, 1.0, 100.0}) {
      const Row row = FullRow(Encoded(logits), {.temperature = temperature, .top_p = 1});
      const Sampled sampled(SharedEngine(), row);
      EXPECT_EQ(Compare(row, sampled[0]), Agreement::kFull);
      EXPECT_EQ(*sampled[0].kept_count,
                logits.size() - std::count(logits.begin(), logits.end(), -kInf));
      EXPECT_EQ(*sampled[0].kept_mass, 1.0f);
    }
  }
}

TEST(TopP, JustBelowOneIsNotANoOp) {
  EXPECT_THAT(Kept(Encoded({0, -200}), {.top_p = std::nextafter(1.0, 0.0)}), ElementsAre(0));
  EXPECT_THAT(Kept(Encoded({0, -200}), {.top_p = 1}), ElementsAre(0, 1));
}

TEST(TopP, KeepsTheTokenThatCrosses) {
  // Probabilities .5, .25, .25.
  const Encoded logits({1, 0, 0});
  const SamplingParams t{.temperature = 1 / std::log(2.0)};
  const auto with = [&](double p) {
    return SamplingParams{.temperature = t.temperature, .top_p = p};
  };
  EXPECT_THAT(Kept(logits, with(.49)), ElementsAre(0));
  EXPECT_THAT(Kept(logits, with(.51)), ElementsAre(0, 1));
  EXPECT_THAT(Kept(logits, with(.74)), ElementsAre(0, 1));
  EXPECT_THAT(Kept(logits, with(.76)), ElementsAre(0, 1, 2));
}

TEST(TopP, KeepsNoTokenBeyondMassThatIsReachedExactly) {
  const Encoded four({3, 3, 3, 3});
  EXPECT_THAT(Kept(four, {.top_p = .25}), ElementsAre(0));
  EXPECT_THAT(Kept(four, {.top_p = .5}), ElementsAre(0, 1));
  EXPECT_THAT(Kept(four, {.top_p = std::nextafter(.5, 1.0)}), ElementsAre(0, 1, 2));
  EXPECT_THAT(Kept(four, {.top_p = .75}), ElementsAre(0, 1, 2));
}

TEST(TopP, CutsAThousandTiesByTokenId) {
  for (DataType type : kDataTypes) {
    const Encoded logits(std::vector<float>(1000, 1.5f), type);
    EXPECT_EQ(Kept(logits, {.top_p = .3}), AllTokens(300));
    EXPECT_EQ(Kept(logits, {.top_p = .125}), AllTokens(125));
    EXPECT_EQ(Kept(logits, {.top_p = .0625}), AllTokens(63));
    EXPECT_EQ(Kept(logits, {.top_p = .001}), AllTokens(1));
    EXPECT_EQ(Kept(logits, {.top_p = .00099}), AllTokens(1));
  }
}

// p is the double that was sent, compared exactly: the double next to .9 is above 9/10.
// 900 of 1000 is the double .9, though neither .9 * 1000 nor a sum of 900 thousandths need be.
TEST(TopP, OfEqualTokensKeepsTheShareAsItIsWritten) {
  const Encoded thousand(std::vector<float>(1000, 0.0f));
  for (int kept = 1; kept < 1000; ++kept) {
    EXPECT_EQ(Kept(thousand, {.top_p = kept / 1000.0}).size(), kept);
  }
  EXPECT_EQ(Kept(thousand, {.top_p = std::nextafter(.9, 0.0)}), AllTokens(900));
  EXPECT_EQ(Kept(thousand, {.top_p = std::nextafter(.9, 1.0)}), AllTokens(901));
}

TEST(TopP, KeepsOneTokenHoweverSmallPIs) {
  for (double p : {1e-9, 1e-300, std::numeric_limits<double>::denorm_min()}) {
    EXPECT_THAT(Kept(Encoded({1, 2, 2}), {.top_p = p}), ElementsAre(1));
    EXPECT_THAT(Kept(Encoded(BellLogits(5000, 1, 0)), {.top_p = p}), ElementsAre(0));
  }
}

TEST(TopP, OfAFlatRowKeepsMostOfTheVocabulary) {
  const Row row = FullRow(Encoded(BellLogits(128256, 4, 1.0)), {.top_p = .9});
  const Sampled sampled(SharedEngine(), row);
  EXPECT_EQ(Compare(row, sampled[0]), Agreement::kFull);
  EXPECT_GT(*sampled[0].kept_count, 70000u);
}

TEST(TopP, IsRelativeToWhatTopKLeft) {
  // Eight equal tokens: .5 of the four that top-k leaves is two.
  const Encoded logits({1, 1, 1, 1, 1, 1, 1, 1});
  EXPECT_THAT(Kept(logits, {.top_k = 4, .top_p = .5}), ElementsAre(0, 1));
  EXPECT_THAT(Kept(logits, {.top_k = 4, .top_p = 1}), ElementsAre(0, 1, 2, 3));
}

TEST(TopP, IsRelativeToWhatMinPLeft) {
  // Two heavy tokens hold some 60 % of the mass, but all of what min-p leaves.
  std::vector<float> logits(1000, 0.0f);
  logits[10] = logits[20] = std::log(750.0f);
  EXPECT_THAT(Kept(Encoded(logits), {.top_p = .5}), ElementsAre(10, 20));
  EXPECT_THAT(Kept(Encoded(logits), {.min_p = .1, .top_p = .5}), ElementsAre(10));
}

TEST(MinP, KeepsTiesOfTheLargestOnlyAtOne) {
  EXPECT_THAT(Kept(Encoded({1, 2, 1.999f, 2}), {.min_p = 1}), ElementsAre(1, 3));
}

TEST(MinP, KeepsAtLeastTheLargestWhateverTheOthersDo) {
  EXPECT_THAT(Kept(Encoded({0, -1, -2, -3}), {.min_p = .3}), ElementsAre(0, 1));
  EXPECT_THAT(Kept(Encoded({0, -1, -2, -3}), {.min_p = .4}), ElementsAre(0));
  EXPECT_THAT(Kept(Encoded({0, -1, -2, -3}), {.min_p = .1}), ElementsAre(0, 1, 2));
}

TEST(MinP, OfZeroKeepsTokensWhoseWeightUnderflows) {
  EXPECT_THAT(Kept(Encoded({0, -3e38f, -kInf}), {.min_p = 0}), ElementsAre(0, 1));
  EXPECT_THAT(Kept(Encoded({0, -3e38f, -kInf}), {.min_p = 1e-300}), ElementsAre(0));
}

TEST(MinP, ActsAfterTheTemperature) {
  EXPECT_THAT(Kept(Encoded({0, -1}), {.temperature = .5, .min_p = .2}), ElementsAre(0));
  EXPECT_THAT(Kept(Encoded({0, -1}), {.temperature = 2, .min_p = .5}), ElementsAre(0, 1));
}

TEST(Temperature, BelowTheThresholdIsGreedy) {
  const std::vector<float> logits = {1, 3, -kInf, 3, 2.9999f};
  for (double t : {0.0, -0.0, 1e-310, 1e-6, std::nextafter(1e-5, 0.0)}) {
    const Row row = FullRow(Encoded(logits), {.temperature = t});
    const Sampled sampled(SharedEngine(), row);
    EXPECT_EQ(Compare(row, sampled[0]), Agreement::kFull);
    EXPECT_THAT(sampled[0].drawn.token_ids, ElementsAre(1, 1, 1));
    EXPECT_THAT(sampled[0].drawn.sampled_logprobs, ElementsAre(0, 0, 0));
    EXPECT_EQ(*sampled[0].sampled_entropy, 0.0f);
    EXPECT_EQ(*sampled[0].kept_count, 1u);
    EXPECT_EQ(*sampled[0].kept_mass, 1.0f);
    EXPECT_LT(sampled[0].drawn.model_logprobs[0], -0.7f);
  }
}

TEST(Temperature, AtTheThresholdIsNotGreedy) {
  EXPECT_THAT(Kept(Encoded({1, 3, 3}), {.temperature = 1e-5}), ElementsAre(1, 2, 0));
}

TEST(Temperature, OfZeroIgnoresTheFilters) {
  const Encoded logits(BellLogits(500, 1));
  const std::string plain = SampleAndPrint(FullRow(logits, {.temperature = 0}));
  const SamplingParams filtered{.temperature = 0, .min_p = .5, .top_k = 7, .top_p = .3};
  EXPECT_EQ(SampleAndPrint(FullRow(logits, filtered)), plain);
}

TEST(Temperature, IsUsedAsGivenHoweverLargeOrSmall) {
  for (double t : {1e-5, 1e-3, .3, 2.0, 1e4, 1e30, 1e300, std::numeric_limits<double>::max()}) {
    for (double p : {1.0, .5, .9}) {
      ExpectAgreement(FullRow(Encoded(BellLogits(300, 2)), {.temperature = t, .top_p = p}));
      ExpectAgreement(FullRow(Encoded({3e38f, -3e38f, 0, 1}), {.temperature = t, .top_p = p}));
      ExpectAgreement(
          FullRow(Encoded({1e-45f, -1e-45f, 0, 3e-45f}), {.temperature = t, .top_p = p}));
    }
  }
}

// A nucleus that ended just where the order had been sorted to was looked for forever.
TEST(TopP, EndsWhereverTheNucleusDoes) {
  for (int32_t heads = 1; heads <= 100; ++heads) {
    std::vector<float> logits(8192, -100.0f);
    for (int32_t i = 0; i < heads; ++i) logits[i * 81] = 10.0f;
    Row row{.logits = Encoded(logits), .params = {.top_p = 1 - 1e-9}};
    row.outputs.kept_stats = true;
    const Sampled sampled(SharedEngine(), row);
    ASSERT_EQ(sampled[0].kept_count, static_cast<uint32_t>(heads));
  }
}

// The window was once left empty: the mean of so many equal logits is next to them, not on them.
TEST(TypicalP, OfThousandsOfEqualTokensBesideOthersKeepsItsShare) {
  std::vector<float> logits(128256, -3e37f);
  for (size_t i = 0; i < logits.size(); i += 20) logits[i] = 0;
  Row row = FullRow(Encoded(logits), {.temperature = .7, .min_p = 1e-9, .typical_p = .9});
  row.outputs = {.kept_stats = true, .named_token_ids = {}};
  EXPECT_EQ(*Sampled(SharedEngine(), row)[0].kept_count, 5772u);  // .9 of 6413, rounded up
  row.params.min_p = 0;
  EXPECT_EQ(*Sampled(SharedEngine(), row)[0].kept_count, 5772u);
}

}  // namespace
}  // namespace boltzmann::test
