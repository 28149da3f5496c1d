// Draws from the kept set: which token a uniform number names.
#include <algorithm>
#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/agreement.h"
#include "tests/core/rows.h"
#include "tests/reference.h"

namespace boltzmann::test {
namespace {

using core::SamplingParams;
using testing::ElementsAre;

std::vector<int32_t> Drawn(const Row& row) {
  const Sampled sampled(SharedEngine(), row);
  return {sampled[0].drawn.token_ids.begin(), sampled[0].drawn.token_ids.end()};
}

TEST(Draw, OfEveryIndexEqualsTheReference) {
  const SamplingParams params[] = {{},
                                   {.temperature = .3},
                                   {.temperature = 2},
                                   {.top_k = 40},
                                   {.top_p = .8},
                                   {.min_p = .02},
                                   {.temperature = .8, .min_p = .01, .top_k = 30, .top_p = .95}};
  for (size_t v : {1, 2, 255, 256, 257, 5000, 50257, 128256}) {
    for (const SamplingParams& p : params) {
      Row row{.logits = Encoded(BellLogits(v, v)), .params = p};
      row.state = {.seed = v, .position = 1, .draw_count = 1000};
      ExpectAgreement(row);
    }
  }
}

TEST(Draw, DependsOnItsIndexAndNotOnHowManyThereAre) {
  Row row{.logits = Encoded(BellLogits(3000, 1))};
  row.state = {.seed = 9, .position = 4, .draw_count = 1000};
  const std::vector<int32_t> many = Drawn(row);
  row.state.draw_count = 10;
  const std::vector<int32_t> few = Drawn(row);
  EXPECT_EQ(few, std::vector<int32_t>(many.begin(), many.begin() + 10));
}

TEST(Draw, DependsOnEveryBitOfSeedAndPosition) {
  Row row{.logits = Encoded(std::vector<float>(100000, 0.0f))};
  row.state.draw_count = 4;
  const std::vector<int32_t> origin = Drawn(row);
  for (int bit = 0; bit < 64; ++bit) {
    row.state.seed = uint64_t{1} << bit;
    row.state.position = 0;
    EXPECT_NE(Drawn(row), origin) << bit;
    row.state.seed = 0;
    row.state.position = uint64_t{1} << bit;
    EXPECT_NE(Drawn(row), origin) << bit;
  }
}

// Equal weights: the number u names token floor(u * V), in the order of the ids.
TEST(Draw, LaysTokensOutByIdAndNotByRank) {
  Row row{.logits = Encoded(std::vector<float>(1000, 0.0f))};
  row.state = {.seed = 1, .position = 0, .draw_count = 1000};
  const std::vector<int32_t> drawn = Drawn(row);
  for (uint32_t d = 0; d < 1000; ++d) {
    EXPECT_EQ(drawn[d], static_cast<int32_t>(ReferenceUniform(1, 0, d) * 1000));
  }
  // Two tokens of which the second is heavier: small numbers still name the first.
  Row two{.logits = Encoded({0, 1}), .state = {.seed = 1, .position = 0, .draw_count = 1000}};
  const std::vector<int32_t> of_two = Drawn(two);
  for (uint32_t d = 0; d < 1000; ++d) {
    EXPECT_EQ(of_two[d], ReferenceUniform(1, 0, d) < 1 / (1 + std::exp(1.0)) ? 0 : 1);
  }
}

TEST(Draw, ReachesTheFirstAndTheLastTokenAndNothingMasked) {
  for (int32_t v : {2, 255, 256, 257, 511, 512, 513, 2000}) {
    // Masked tokens before, between and behind.
    std::vector<float> logits(v + 600, -kInf);
    std::fill(logits.begin() + 300, logits.begin() + 300 + v, 2.0f);
    logits[300 + v / 2] = v > 2 ? -kInf : 2.0f;
    Row row{.logits = Encoded(logits), .state = {.seed = 4, .position = 0, .draw_count = 20000}};
    const std::vector<int32_t> drawn = Drawn(row);
    const auto [first, last] = std::minmax_element(drawn.begin(), drawn.end());
    EXPECT_EQ(*first, 300);
    EXPECT_EQ(*last, 299 + v);
    if (v > 2) {
      EXPECT_EQ(std::count(drawn.begin(), drawn.end(), 300 + v / 2), 0);
    }
    ExpectAgreement(row);
  }
}

// Seeds whose number at position 0, draw 0 is extreme, found by search.
constexpr uint64_t kSeedsBelow[] = {293046734, 585825483, 969509466};    // u < 2^-30
constexpr uint64_t kSeedsNotBelow[] = {552253267, 1164319694};           // 2^-30 < u < 2^-29
constexpr uint64_t kSeedsAbove[] = {454088803, 1419361416, 3804818046};  // u > 1 - 2^-30
constexpr uint64_t kSeedsNotAbove[] = {251327620, 1286244756};  // 1 - 2^-29 < u < 1 - 2^-30

// Whether a seed draws the rare one of two tokens: it has 2^-30 of the other's weight and
// lies before or behind it, with `gap` masked tokens between.
bool DrawsTheRareToken(bool is_first, int gap, uint64_t seed) {
  std::vector<float> logits(gap + 2, -kInf);
  logits.front() = is_first ? -30.0f : 0.0f;
  logits.back() = is_first ? 0.0f : -30.0f;
  Row row{.logits = Encoded(logits), .state = {.seed = seed}};
  row.params.temperature = 1 / std::log(2.0);
  ExpectAgreement(row);
  return Drawn(row)[0] == (is_first ? 0 : gap + 1);
}

TEST(Draw, FindsATokenOfMassTwoToTheMinus30ExactlyWhereItLies) {
  for (int gap : {0, 1, 253, 254, 255, 256, 1000, 50000}) {
    for (uint64_t seed : kSeedsBelow) EXPECT_TRUE(DrawsTheRareToken(true, gap, seed));
    for (uint64_t seed : kSeedsNotBelow) EXPECT_FALSE(DrawsTheRareToken(true, gap, seed));
    for (uint64_t seed : kSeedsAbove) EXPECT_TRUE(DrawsTheRareToken(false, gap, seed));
    for (uint64_t seed : kSeedsNotAbove) EXPECT_FALSE(DrawsTheRareToken(false, gap, seed));
  }
}

TEST(Draw, NamesTheLastTokenIfTheNumberIsNextToOne) {
  for (uint64_t seed : kSeedsAbove) {
    for (size_t v : {1, 2, 256, 50257, 128256}) {
      const auto last = static_cast<int32_t>(v - 1);
      Row flat{.logits = Encoded(std::vector<float>(v, 1.0f)), .state = {.seed = seed}};
      EXPECT_THAT(Drawn(flat), ElementsAre(last));
      Row peaked{.logits = Encoded(BellLogits(v, 5)), .state = {.seed = seed}};
      ExpectAgreement(peaked);
      peaked.params.top_p = .9;
      ExpectAgreement(peaked);
    }
  }
  for (uint64_t seed : kSeedsBelow) {
    Row flat{.logits = Encoded(std::vector<float>(128256, 1.0f)), .state = {.seed = seed}};
    EXPECT_THAT(Drawn(flat), ElementsAre(0));
  }
}

// A million draws of a token that is due once in 2^16: as often as the numbers say.
TEST(Draw, FindsARareTokenAsOftenAsItIsDue) {
  constexpr uint32_t kDraws = core::kMaxDrawCount;
  Row row{.logits = Encoded({0, -16}), .state = {.seed = 11, .position = 3, .draw_count = kDraws}};
  row.params.temperature = 1 / std::log(2.0);
  row.outputs.model_logprobs = row.outputs.sampled_logprobs = false;
  const std::vector<int32_t> drawn = Drawn(row);
  uint32_t due = 0;
  for (uint32_t d = 0; d < kDraws; ++d) due += ReferenceUniform(11, 3, d) >= 1 / (1 + 0x1p-16);
  EXPECT_EQ(std::count(drawn.begin(), drawn.end(), 1), due);
  EXPECT_GT(due, 0u);
}

}  // namespace
}  // namespace boltzmann::test
