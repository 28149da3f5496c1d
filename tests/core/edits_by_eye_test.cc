// Each edit on a few tokens, with what it leaves worked out by hand. Most rows are tokens 0 to 3
// with probabilities .1, .2, .3 and .4.
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/by_eye.h"

namespace boltzmann::test {
namespace {

using core::RowStatus;
using core::SamplingParams;
using testing::ElementsAre;
using testing::IsEmpty;

using Tokens = std::vector<int32_t>;
using Edits = ByEye;
INSTANTIATE_TEST_SUITE_P(Both, Edits, testing::ValuesIn(kBoth), NameOfWho);

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();

// What is left of Four() without its last token.
const std::vector<TokenShare> kWithout3 = {{2, 3. / 6}, {1, 2. / 6}, {0, 1. / 6}};
const std::vector<TokenShare> kWithout2 = {{3, 4. / 7}, {1, 2. / 7}, {0, 1. / 7}};

Row Masked(const Tokens& allowed) { return Four({}, {.mask = MaskOf(allowed, 1)}); }

TEST_P(Edits, MaskRulesOutWhatItDoesNotAllow) {
  EXPECT_TRUE(Leaves(Masked({0, 2}), {{2, .75}, {0, .25}}));
  EXPECT_TRUE(Leaves(Masked({0, 1, 2}), kWithout3));
  EXPECT_TRUE(LeavesAllFour(Masked({0, 1, 2, 3})));
}

TEST_P(Edits, MaskIgnoresBitsPastTheVocabulary) {
  EXPECT_TRUE(Leaves(Masked({1, 4, 31}), {{1, 1}}));
}

TEST_P(Edits, MaskAllowsNoTokenPastItsLastWord) {
  std::vector<float> logits(70, 0.0f);
  logits[69] = 9;
  const Tokens allowed = {31, 32, 40};
  EXPECT_TRUE(Leaves(Raw(logits, {}, {.mask = MaskOf(allowed, 2)}),
                     {{31, 1. / 3}, {32, 1. / 3}, {40, 1. / 3}}));
  EXPECT_EQ(Ask(Raw(logits, {}, {.mask = MaskOf(AllTokens(32), 1)})).left.size(), 32u);
}

TEST_P(Edits, MaskMayStartAtAnyAddress) {
  Row row = Raw(std::vector<float>(70, 0.0f));
  std::vector<std::byte> bytes = MaskOf(Tokens{1, 33, 69}, 3);
  bytes.insert(bytes.begin(), std::byte{0xFF});
  row.state.allowed_token_mask = absl::Span<const std::byte>(bytes).subspan(1);
  EXPECT_TRUE(Leaves(row, {{1, 1. / 3}, {33, 1. / 3}, {69, 1. / 3}}));
}

TEST_P(Edits, AllowedTokensAreTheOnlyOnes) {
  EXPECT_TRUE(Leaves(Four({}, {.allowed = {1, 3}}), {{3, 2. / 3}, {1, 1. / 3}}));
  EXPECT_TRUE(Leaves(Four({}, {.allowed = {2, 2}}), {{2, 1}}));
  EXPECT_TRUE(LeavesAllFour(Four({}, {.allowed = {3, 0, 1, 2}})));
}

TEST_P(Edits, BannedTokensAreNotDrawn) {
  EXPECT_TRUE(Leaves(Four({}, {.banned = {3}}), kWithout3));
  EXPECT_TRUE(Leaves(Four({}, {.banned = {3, 0, 3, 1}}), {{2, 1}}));
}

TEST_P(Edits, BanWhatMaskAndAllowedTokensDoNotAllowAlike) {
  const Row row = Four({}, {.allowed = {0, 1, 2}, .banned = {1}, .mask = MaskOf(Tokens{1, 2}, 1)});
  EXPECT_TRUE(Leaves(row, {{2, 1}}));
}

TEST_P(Edits, BannedSequencesBanTheLastTokenAfterTheRest) {
  const auto after = [](Tokens prompt, Tokens output, RowLists::Sequences sequences) {
    return Four({}, {.banned_sequences = std::move(sequences),
                     .prompt = std::move(prompt),
                     .output = std::move(output)});
  };
  EXPECT_TRUE(Leaves(after({}, {}, {{3}}), kWithout3));
  EXPECT_TRUE(Leaves(after({0}, {1}, {{1, 2}}), kWithout2));
  EXPECT_TRUE(Leaves(after({0}, {1}, {{0, 1, 2}}), kWithout2));
  EXPECT_TRUE(Leaves(after({0, 1}, {}, {{0, 1, 2}}), kWithout2));
  EXPECT_TRUE(Leaves(after({0, 1}, {}, {{3, 0}, {0, 1, 2}, {1, 3}}), {{1, 2. / 3}, {0, 1. / 3}}));
  EXPECT_TRUE(LeavesAllFour(after({1, 0}, {}, {{1, 2}})));
  EXPECT_TRUE(LeavesAllFour(after({1}, {}, {{0, 1, 2}})));  // longer than the history
  EXPECT_TRUE(LeavesAllFour(after({}, {}, {{1, 2}})));
}

TEST_P(Edits, StopTokensWaitForTheMinimumOfOutput) {
  const auto after = [](Tokens output) {
    return Four({.min_tokens = 2},
                {.stop = {3}, .prompt = {0, 0, 0, 0}, .output = std::move(output)});
  };
  EXPECT_TRUE(Leaves(after({}), kWithout3));
  EXPECT_TRUE(Leaves(after({1}), kWithout3));
  EXPECT_TRUE(LeavesAllFour(after({1, 1})));
  EXPECT_TRUE(LeavesAllFour(Four({}, {.stop = {3}})));
}

Row Biased(Tokens tokens, std::vector<double> biases) {
  return Four({}, {.bias_token_ids = std::move(tokens), .biases = std::move(biases)});
}

TEST_P(Edits, BiasIsAddedToTheLogit) {
  // .1 becomes .5; then .3 becomes .03 too.
  EXPECT_TRUE(
      Leaves(Biased({0}, {std::log(5)}), {{0, 5. / 14}, {3, 4. / 14}, {2, 3. / 14}, {1, 2. / 14}}));
  EXPECT_TRUE(Leaves(Biased({2, 0}, {-std::log(10), std::log(5)}),
                     {{0, 50. / 113}, {3, 40. / 113}, {1, 20. / 113}, {2, 3. / 113}}));
}

TEST_P(Edits, BiasOfMinusInfinityRulesOut) {
  EXPECT_TRUE(Leaves(Biased({3}, {-kInfinity}), kWithout3));
}

TEST_P(Edits, BiasOfInfinityRulesOutAllOthers) {
  EXPECT_TRUE(Leaves(Biased({0, 1}, {kInfinity, kInfinity}), {{1, 2. / 3}, {0, 1. / 3}}));
  EXPECT_TRUE(Leaves(Biased({2, 3, 0}, {100, -kInfinity, kInfinity}), {{0, 1}}));
}

TEST_P(Edits, BiasOfInfinityRevivesNothing) {
  const Row row =
      Four({}, {.bias_token_ids = {0, 1}, .biases = {kInfinity, kInfinity}, .banned = {1}});
  EXPECT_TRUE(Leaves(row, {{0, 1}}));
  EXPECT_TRUE(
      Leaves(Raw({-kInf, 1, 2}, {}, {.bias_token_ids = {0, 1}, .biases = {kInfinity, kInfinity}}),
             {{1, 1}}));
}

// Weights 1, 1, 1 / e and 1 / e^3.
const std::vector<TokenShare> kRepeated = {
    {0, .4136226}, {3, .4136226}, {2, .1521632}, {1, .0205932}};

TEST_P(Edits, RepetitionPenaltyDividesWhatIsPositiveAndMultipliesTheRest) {
  // The logits of tokens 0 and 1 become 1 and -2; zero stays.
  const auto after = [](Tokens prompt, Tokens output) {
    return Raw({2, -1, 0, 1}, {.repetition_penalty = 2},
               {.prompt = std::move(prompt), .output = std::move(output)});
  };
  EXPECT_TRUE(Leaves(after({0, 1, 2}, {}), kRepeated));
  EXPECT_TRUE(Leaves(after({}, {0, 1, 2}), kRepeated));
  EXPECT_TRUE(Leaves(after({0, 0, 2}, {1, 0, 1}), kRepeated));
}

TEST_P(Edits, RepetitionPenaltyBelowOneRewards) {
  EXPECT_TRUE(Leaves(Raw({1, -1}, {.repetition_penalty = .5}, {.prompt = {0, 1}}),
                     {{0, .9241418}, {1, .0758582}}));  // 2 and -1/2
}

TEST_P(Edits, FrequencyPenaltyCountsTheOutput) {
  // .2 is halved twice, .4 once.
  const Row row = Four({.frequency_penalty = std::log(2)}, {.prompt = {2, 0}, .output = {1, 3, 1}});
  EXPECT_TRUE(Leaves(row, {{2, .30 / .65}, {3, .20 / .65}, {0, .10 / .65}, {1, .05 / .65}}));
}

TEST_P(Edits, FrequencyPenaltyBelowZeroRewards) {
  const Row row = Four({.frequency_penalty = -std::log(3)}, {.output = {0, 0}});
  EXPECT_TRUE(Leaves(row, {{0, 9. / 18}, {3, 4. / 18}, {2, 3. / 18}, {1, 2. / 18}}));
}

TEST_P(Edits, PresencePenaltyIsTheSameForOnceAndOften) {
  const Row row = Four({.presence_penalty = std::log(5)}, {.prompt = {2}, .output = {1, 3, 1}});
  EXPECT_TRUE(Leaves(row, {{2, .30 / .52}, {0, .10 / .52}, {3, .08 / .52}, {1, .04 / .52}}));
}

TEST_P(Edits, FrequencyAndPresencePenaltiesAddUp) {
  const SamplingParams params{.frequency_penalty = std::log(2), .presence_penalty = std::log(3)};
  EXPECT_TRUE(
      Leaves(Likely({.5, .4, .1}, params, {.output = {0, 0}}),
             {{1, .4 / (.5 + 1. / 24)}, {2, .1 / (.5 + 1. / 24)}, {0, .5 / 12 / (.5 + 1. / 24)}}));
}

TEST_P(Edits, BiasComesBeforeTheRepetitionPenalty) {
  const Row row = Raw({1, 0}, {.repetition_penalty = 2},
                      {.bias_token_ids = {0}, .biases = {-2}, .prompt = {0}});
  EXPECT_TRUE(Leaves(row, {{1, .8807971}, {0, .1192029}}));  // (1 - 2) * 2 = -2
}

TEST_P(Edits, RepetitionPenaltyComesBeforeTheOthers) {
  const Row row = Raw({2, 0}, {.repetition_penalty = 2, .frequency_penalty = 1}, {.output = {0}});
  EXPECT_TRUE(Leaves(row, {{0, .5}, {1, .5}}));  // 2 / 2 - 1 = 0
}

// DRY that divides by six, times base 2 for each token beyond the allowed length.
Row Dry(Tokens history, RowLists::Sequences breakers = {}, uint32_t range = 0) {
  const SamplingParams params{.dry_multiplier = std::log(6), .dry_base = 2, .dry_range = range};
  return Four(params, {.breakers = std::move(breakers), .prompt = std::move(history)});
}

// .3 is divided by 6; by 6^2; by 6^4.
const std::vector<TokenShare> kDryOnce = {
    {3, .40 / .75}, {1, .20 / .75}, {0, .10 / .75}, {2, .05 / .75}};
const std::vector<TokenShare> kDryTwice = {
    {3, 48. / 85}, {1, 24. / 85}, {0, 12. / 85}, {2, 1. / 85}};
const std::vector<TokenShare> kDryFourTimes = {
    {3, 1728. / 3025}, {1, 864. / 3025}, {0, 432. / 3025}, {2, 1. / 3025}};

TEST_P(Edits, DryPenalisesTheTokenThatWouldGoOnRepeating) {
  EXPECT_TRUE(Leaves(Dry({0, 1, 2, 0, 1}), kDryOnce));
  EXPECT_TRUE(Leaves(Dry({3, 0, 1, 2, 3, 0, 1}), kDryTwice));
  EXPECT_TRUE(LeavesAllFour(Dry({1, 2, 0, 1})));  // one token repeated, two are allowed
  EXPECT_TRUE(LeavesAllFour(Dry({0, 1, 2, 1, 0})));
  EXPECT_TRUE(LeavesAllFour(Dry({})));
}

TEST_P(Edits, DryTakesTheLongestRepetition) {
  // Token 2 follows 1, and follows 1 2 0 1.
  EXPECT_TRUE(Leaves(Dry({1, 2, 0, 1, 2, 0, 1}), kDryFourTimes));
  // The longer one comes first.
  EXPECT_TRUE(Leaves(Dry({3, 0, 1, 2, 2, 0, 1, 2, 3, 0, 1}), kDryTwice));
}

TEST_P(Edits, DryLooksAtPromptAndOutputAlike) {
  Row row = Dry({0, 1, 2});
  const Tokens output = {0, 1};
  row.state.output_token_ids = output;
  EXPECT_TRUE(Leaves(row, kDryOnce));
}

TEST_P(Edits, DryMatchesMayOverlap) {
  const SamplingParams params{.dry_multiplier = std::log(2), .dry_base = 2};
  EXPECT_TRUE(Leaves(Four(params, {.prompt = {0, 0, 0}}),
                     {{3, .40 / .95}, {2, .30 / .95}, {1, .20 / .95}, {0, .05 / .95}}));
}

TEST_P(Edits, DryLooksAtItsRangeOnly) {
  EXPECT_TRUE(Leaves(Dry({0, 1, 2, 0, 1}, {}, 5), kDryOnce));
  EXPECT_TRUE(LeavesAllFour(Dry({0, 1, 2, 0, 1}, {}, 4)));
  EXPECT_TRUE(Leaves(Dry({3, 0, 1, 2, 3, 0, 1}, {}, 6), kDryOnce));
}

TEST_P(Edits, DryStopsAtABreaker) {
  EXPECT_TRUE(Leaves(Dry({3, 0, 1, 2, 3, 0, 1}, {{3}}), kDryOnce));
  EXPECT_TRUE(LeavesAllFour(Dry({3, 0, 1, 2, 3, 0, 1}, {{0}})));
  EXPECT_TRUE(LeavesAllFour(Dry({3, 0, 1, 2, 3, 0, 1}, {{1}})));
}

TEST_P(Edits, DryStopsAtABreakerOfSeveralTokens) {
  EXPECT_TRUE(LeavesAllFour(Dry({3, 0, 1, 2, 3, 0, 1}, {{3, 0}})));
  EXPECT_TRUE(Leaves(Dry({3, 0, 1, 2, 3, 0, 1}, {{2, 3}}), kDryOnce));
  EXPECT_TRUE(Leaves(Dry({3, 0, 1, 2, 3, 0, 1}, {{0, 2}, {3, 1}}), kDryTwice));
}

TEST_P(Edits, DryDoesNotPenaliseABreakerOfOneToken) {
  EXPECT_TRUE(LeavesAllFour(Dry({0, 1, 2, 0, 1}, {{2}})));
  EXPECT_TRUE(Leaves(Dry({0, 1, 2, 0, 1}, {{2, 1}}), kDryOnce));
}

TEST_P(Edits, DryKeepsItsPowerWithinABinary32) {
  // A text of n zeros repeats n - 1 of them: the exponent is n - 2, but 38 at most.
  const auto of_zeros = [](double multiplier, double base, size_t count) {
    const SamplingParams params{
        .dry_multiplier = multiplier, .dry_base = base, .dry_allowed_length = 1};
    return Raw({0, 0}, params, {.prompt = Tokens(count, 0)});
  };
  const std::vector<TokenShare> down_by_one = {{1, .7310586}, {0, .2689414}};
  EXPECT_TRUE(Leaves(of_zeros(1e-37, 10, 39), down_by_one));
  EXPECT_TRUE(Leaves(of_zeros(1e-38, 10, 40), down_by_one));
  EXPECT_TRUE(Leaves(of_zeros(1e-38, 10, 60), down_by_one));
  EXPECT_TRUE(Leaves(of_zeros(1, 1e39, 60), down_by_one));
  EXPECT_TRUE(Leaves(of_zeros(1, 1, 60), down_by_one));
}

TEST_P(Edits, NoRepeatNgramBansWhatWouldCompleteOneAgain) {
  const auto after = [](uint32_t size, Tokens history) {
    return Four({.no_repeat_ngram_size = size}, {.prompt = std::move(history)});
  };
  EXPECT_TRUE(Leaves(after(1, {0, 1, 2}), {{3, 1}}));
  EXPECT_TRUE(Leaves(after(2, {1, 2, 1}), kWithout2));
  EXPECT_TRUE(Leaves(after(2, {1, 2, 1, 3, 1}), {{1, 2. / 3}, {0, 1. / 3}}));
  EXPECT_TRUE(Leaves(after(2, {2, 2}), kWithout2));
  EXPECT_TRUE(Leaves(after(3, {0, 1, 2, 0, 1}), kWithout2));
  EXPECT_TRUE(LeavesAllFour(after(3, {3, 1, 2, 0, 1})));
  EXPECT_TRUE(LeavesAllFour(after(2, {1})));
  EXPECT_TRUE(LeavesAllFour(after(4, {1, 1, 1})));
  EXPECT_TRUE(LeavesAllFour(after(1, {})));
}

TEST_P(Edits, AreRoundedToThirtyTwoBits) {
  const auto with = [](double bias) {
    return Raw({1, 0}, {.temperature = 0}, {.bias_token_ids = {1}, .biases = {bias}});
  };
  EXPECT_TRUE(Leaves(with(1 + 0x1p-31), {{1, 1}}));  // a logit of 32 bits
  EXPECT_TRUE(Leaves(with(1 + 0x1p-32), {{0, 1}}));  // halfway: to the even one
  EXPECT_TRUE(Leaves(with(1 + 0x1.8p-32), {{1, 1}}));
  EXPECT_TRUE(Leaves(with(1 + 0x1.8p-33), {{0, 1}}));
}

// A logit with more bits than that was once the largest of a row in which no token had it.
TEST_P(Edits, AreRoundedToTheirLastBitBelowTheSmallestNormalFloat) {
  const auto with = [](double bias) {
    return Raw({0, -1}, {.temperature = 0, .top_n_sigma = 1},
               {.bias_token_ids = {0}, .biases = {bias}});
  };
  for (double bias : {0x1p-157, 0x1.8p-157, 0x1.23456789p-140, -0x1.23456789p-150, 0x1p-400}) {
    EXPECT_TRUE(Leaves(with(bias), {{0, 1}})) << bias;
  }
}

TEST_P(Edits, LeaveAFiniteLogitFinite) {
  const auto with = [](std::vector<float> logits, double bias) {
    return Raw(std::move(logits), {}, {.bias_token_ids = {1}, .biases = {bias}});
  };
  EXPECT_TRUE(Leaves(with({kLargest, 0}, 1e300), {{0, .5}, {1, .5}}));
  EXPECT_TRUE(Leaves(with({-kLargest, 0}, -1e300), {{0, .5}, {1, .5}}));
  EXPECT_TRUE(Leaves(with({0, kLargest}, 1e38), {{1, 1}, {0, 0}}));
}

TEST_P(Edits, OfEveryKindLeaveWhatCannotBeDrawnAtMinusInfinity) {
  const SamplingParams params{.repetition_penalty = .5,
                              .frequency_penalty = -2,
                              .presence_penalty = -2,
                              .dry_multiplier = 1};
  const RowLists lists{.bias_token_ids = {0}, .biases = {1e300}, .output = {0, 0, 0, 0}};
  EXPECT_TRUE(Leaves(Raw({-kInf, 1}, params, lists), {{1, 1}}));
}

TEST_P(Edits, DoNotHideABadLogit) {
  const RowLists lists{.banned = {1}};
  EXPECT_EQ(Ask(Raw({0, kNan, 0}, {}, lists)).status, RowStatus::kNanLogit);
  EXPECT_EQ(Ask(Raw({0, kNan, 0}, {}, lists)).offending_token, 1);
  EXPECT_EQ(Ask(Raw({0, kInf, 0}, {}, lists)).status, RowStatus::kPositiveInfinity);
}

TEST_P(Edits, ThatRuleAllOutAreAStatusOfTheRow) {
  const Row rows[] = {Masked({}),
                      Masked({4, 5}),
                      Four({}, {.banned = {0, 1, 2, 3}}),
                      Four({}, {.allowed = {0}, .banned = {0}}),
                      Four({.no_repeat_ngram_size = 1}, {.prompt = {3, 2, 1, 0}}),
                      Four({}, {.bias_token_ids = {0}, .biases = {kInfinity}, .banned = {0}}),
                      Raw({-kInf, 0}, {.temperature = 0}, {.banned = {1}})};
  for (const Row& row : rows) {
    const Answer answer = Ask(row);
    EXPECT_EQ(answer.status, RowStatus::kNoAllowedToken);
    EXPECT_EQ(answer.offending_token, -1);
    EXPECT_THAT(answer.drawn, ElementsAre(-1));
    EXPECT_THAT(answer.stages, IsEmpty());
  }
}

TEST_P(Edits, LeaveTheModelsDistributionAsReceived) {
  const Answer answer = Ask(Four({}, {.bias_token_ids = {0}, .biases = {5}, .banned = {3}}));
  ASSERT_EQ(answer.model.size(), 4u);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(answer.model[i].token_id, 3 - i);
    EXPECT_NEAR(answer.model[i].probability, .4 - .1 * i, 1e-6);
  }
  EXPECT_THAT(answer.top_ranks, ElementsAre(1, 2, 3, 4));
}

TEST_P(Edits, ComeBeforeTheStagesAndTheShareKept) {
  const Row row = Four({.top_k = 2}, {.banned = {3}});
  EXPECT_TRUE(Leaves(row, {{2, .6}, {1, .4}}));
  EXPECT_NEAR(Ask(row).kept_mass, 5. / 6, 1e-6);
  EXPECT_EQ(Ask(Four({.temperature = 0}, {.banned = {3}})).drawn, Tokens{2});
}

TEST_P(Edits, AreReportedBeforeTheStages) {
  const Answer answer = Ask(Four({.top_k = 2}, {.banned = {3}}));
  ASSERT_EQ(answer.stages.size(), 3u);
  EXPECT_STREQ(answer.stages[0].name, "edits");
  EXPECT_EQ(answer.stages[0].token_count, 3u);
  EXPECT_EQ(answer.stages[0].mass, 1);
  EXPECT_NEAR(answer.stages[0].entropy, 1.459148, 1e-5);  // of 3/6, 2/6 and 1/6
  EXPECT_EQ(answer.stages[0].temperature, 1);
  EXPECT_STREQ(answer.stages[1].name, "temperature");
  EXPECT_STREQ(answer.stages[2].name, "top_k");
  EXPECT_NEAR(answer.stages[2].mass, 5. / 6, 1e-6);
}

}  // namespace
}  // namespace boltzmann::test
