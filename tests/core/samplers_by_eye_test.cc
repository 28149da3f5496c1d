// Each sampler on a few tokens, with what it leaves worked out by hand.
//
// Most rows are tokens 0 to 3 with probabilities .1, .2, .3 and .4. Their surprises are 3.3219,
// 2.3219, 1.7370 and 1.3219 bits, their entropy is 1.8464 bits or H = 1.279854 nats.
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/by_eye.h"

namespace boltzmann::test {
namespace {

using core::SamplingParams;
using core::Stage;
using testing::ElementsAre;
using testing::IsEmpty;

using Samplers = ByEye;
INSTANTIATE_TEST_SUITE_P(Both, Samplers, testing::ValuesIn(kBoth), NameOfWho);

RowLists InOrder(std::vector<Stage> order) { return {.filter_order = std::move(order)}; }

// Stages in the orders of other systems, by the comment on `filter_order`.
RowLists LlamaCpp() {
  return InOrder({Stage::kTopNSigma, Stage::kTopK, Stage::kTypicalP, Stage::kTopP, Stage::kMinP,
                  Stage::kXtc, Stage::kTemperature});
}
RowLists Transformers() {
  return InOrder({Stage::kTemperature, Stage::kTopK, Stage::kTopP, Stage::kMinP, Stage::kTypicalP,
                  Stage::kEpsilonCutoff, Stage::kEtaCutoff});
}
RowLists SgLang() { return InOrder({Stage::kTemperature, Stage::kTopKTopP}); }

TEST_P(Samplers, LeaveAllAsItIsIfNoneIsSet) {
  EXPECT_TRUE(LeavesAllFour(Four()));
  EXPECT_TRUE(LeavesAllFour(Four({.top_k = 4})));
  EXPECT_TRUE(LeavesAllFour(Four({.min_p = 0, .top_k = -1, .top_p = 1, .typical_p = 1})));
}

TEST_P(Samplers, MinPComparesWithTheLargest) {
  EXPECT_TRUE(Leaves(Four({.min_p = 1}), {{3, 1}}));
  EXPECT_TRUE(Leaves(Four({.min_p = .6}), {{3, 4. / 7}, {2, 3. / 7}}));               // .24
  EXPECT_TRUE(Leaves(Four({.min_p = .4}), {{3, 4. / 9}, {2, 3. / 9}, {1, 2. / 9}}));  // .16
  EXPECT_TRUE(LeavesAllFour(Four({.min_p = .2})));                                    // .08
}

TEST_P(Samplers, TopKKeepsTheFirst) {
  EXPECT_TRUE(Leaves(Four({.top_k = 1}), {{3, 1}}));
  EXPECT_TRUE(Leaves(Four({.top_k = 2}), {{3, 4. / 7}, {2, 3. / 7}}));
}

TEST_P(Samplers, TopPKeepsTheTokenThatCrosses) {
  // Before the tokens 3, 2, 1, 0 lie 0, .4, .7 and .9.
  EXPECT_TRUE(Leaves(Four({.top_p = .3}), {{3, 1}}));
  EXPECT_TRUE(Leaves(Four({.top_p = .5}), {{3, 4. / 7}, {2, 3. / 7}}));
  EXPECT_TRUE(Leaves(Four({.top_p = .8}), {{3, 4. / 9}, {2, 3. / 9}, {1, 2. / 9}}));
  EXPECT_TRUE(LeavesAllFour(Four({.top_p = .95})));
}

TEST_P(Samplers, TypicalPKeepsTheTokensWhoseSurpriseIsNearestToTheEntropy) {
  // |-ln p - H| of the tokens 2, 1, 3, 0: .0759, .3296, .3636, 1.0227. Before them lie 0, .3,
  // .5 and .9.
  EXPECT_TRUE(Leaves(Four({.typical_p = .25}), {{2, 1}}));
  EXPECT_TRUE(Leaves(Four({.typical_p = .4}), {{2, .6}, {1, .4}}));
  EXPECT_TRUE(Leaves(Four({.typical_p = .6}), {{3, 4. / 9}, {2, 3. / 9}, {1, 2. / 9}}));
  EXPECT_TRUE(LeavesAllFour(Four({.typical_p = .95})));
}

TEST_P(Samplers, EpsilonCutoffNeverDropsTheFirst) {
  EXPECT_TRUE(LeavesAllFour(Four({.epsilon_cutoff = .05})));
  EXPECT_TRUE(Leaves(Four({.epsilon_cutoff = .15}), {{3, 4. / 9}, {2, 3. / 9}, {1, 2. / 9}}));
  EXPECT_TRUE(Leaves(Four({.epsilon_cutoff = .25}), {{3, 4. / 7}, {2, 3. / 7}}));
  EXPECT_TRUE(Leaves(Four({.epsilon_cutoff = .5}), {{3, 1}}));
}

TEST_P(Samplers, EtaCutoffFallsWithTheEntropy) {
  // exp(-H) is .27808, so sqrt(eta) * exp(-H) is .0834, .1390 and .2638.
  EXPECT_TRUE(LeavesAllFour(Four({.eta_cutoff = .09})));
  EXPECT_TRUE(Leaves(Four({.eta_cutoff = .25}), {{3, 4. / 9}, {2, 3. / 9}, {1, 2. / 9}}));
  EXPECT_TRUE(Leaves(Four({.eta_cutoff = .9}), {{3, 4. / 7}, {2, 3. / 7}}));
}

TEST_P(Samplers, EtaCutoffIsNeverAboveEta) {
  // exp(-H) is .3175: sqrt(eta) * exp(-H) is .0710 of .05 and .0778 of .06.
  const std::vector<double> row = {.055, .145, .3, .5};
  EXPECT_TRUE(Leaves(Likely(row, {.eta_cutoff = .05}), {{3, .5}, {2, .3}, {1, .145}, {0, .055}}));
  EXPECT_TRUE(Leaves(Likely(row, {.eta_cutoff = .06}),
                     {{3, .500 / .945}, {2, .300 / .945}, {1, .145 / .945}}));
}

TEST_P(Samplers, TopNSigmaCountsInStandardDeviationsBelowTheLargestLogit) {
  // Sigma is sqrt(5 / 4) = 1.1180 (1.2910 if it were divided by n - 1).
  const std::vector<float> logits = {0, 1, 2, 3};
  EXPECT_TRUE(Leaves(Raw(logits, {.top_n_sigma = .5}), {{3, 1}}));                       // 2.44
  EXPECT_TRUE(Leaves(Raw(logits, {.top_n_sigma = .8}), {{3, 1}}));                       // 2.11
  EXPECT_TRUE(Leaves(Raw(logits, {.top_n_sigma = 1}), {{3, .7310586}, {2, .2689414}}));  // 1.88
  EXPECT_TRUE(
      Leaves(Raw(logits, {.top_n_sigma = 2}), {{3, .6652410}, {2, .2447285}, {1, .0900306}}));
}

TEST_P(Samplers, TopNSigmaDoesNotCountMinusInfinity) {
  EXPECT_TRUE(
      Leaves(Raw({-kInf, 0, 1, 2, 3, -kInf}, {.top_n_sigma = 1}), {{4, .7310586}, {3, .2689414}}));
}

TEST_P(Samplers, TopNSigmaIsTheSameAtEveryTemperature) {
  const SamplingParams params{.temperature = .5, .top_n_sigma = 1};
  const std::vector<TokenShare> left = {{3, .8807971}, {2, .1192029}};  // e^2 to 1
  EXPECT_TRUE(Leaves(Raw({0, 1, 2, 3}, params), left));
  EXPECT_TRUE(
      Leaves(Raw({0, 1, 2, 3}, params, InOrder({Stage::kTemperature, Stage::kTopNSigma})), left));
}

TEST_P(Samplers, XtcDropsAllButTheLastOfTheTopChoices) {
  const auto xtc = [](double threshold) {
    return Four({.xtc_probability = 1, .xtc_threshold = threshold});
  };
  EXPECT_TRUE(LeavesAllFour(xtc(.45)));  // no top choice
  EXPECT_TRUE(LeavesAllFour(xtc(.35)));  // one
  EXPECT_TRUE(Leaves(xtc(.25), {{2, 3. / 6}, {1, 2. / 6}, {0, 1. / 6}}));
  EXPECT_TRUE(Leaves(xtc(.15), {{1, 2. / 3}, {0, 1. / 3}}));
  EXPECT_TRUE(Leaves(xtc(.05), {{0, 1}}));
  EXPECT_TRUE(Leaves(xtc(0), {{0, 1}}));
}

TEST_P(Samplers, XtcIsOffAboveOneHalf) {
  const SamplingParams params{.xtc_probability = 1, .xtc_threshold = .500001};
  EXPECT_TRUE(Leaves(Likely({.5, .5}, params), {{0, .5}, {1, .5}}));
}

TEST_P(Samplers, XtcTossesACoinOfItsOwn) {
  // The number of domain 3 is .2256 at seed 0, position 1; that of the draw is .3621.
  const auto with = [](double probability) {
    Row row = Four({.xtc_probability = probability, .xtc_threshold = .25});
    row.state.position = 1;
    return row;
  };
  EXPECT_TRUE(Leaves(with(.22563512), {{2, 3. / 6}, {1, 2. / 6}, {0, 1. / 6}}));
  EXPECT_TRUE(LeavesAllFour(with(.22563511)));
}

TEST_P(Samplers, XtcDropsTheFirstOfTiesById) {
  const SamplingParams params{.xtc_probability = 1, .xtc_threshold = .2};
  EXPECT_TRUE(Leaves(Likely({.25, .25, .25, .25}, params), {{3, 1}}));
}

// The tokens that XTC leaves may weigh nothing beside those that it drops.
TEST_P(Samplers, XtcMayLeaveWhatUnderflows) {
  const SamplingParams params{.xtc_probability = 1, .xtc_threshold = 0};
  EXPECT_TRUE(Leaves(Raw({0, -3e38f, -5}, params), {{1, 1}}));
}

TEST_P(Samplers, DynamicTemperatureRisesWithTheEntropy) {
  // 1.75 bits of 2: T = .25 + 2 * .875 = 2, where the weights are the roots.
  const SamplingParams params{.temperature = 1.25, .dynamic_temperature_range = 1};
  const Row row = Likely({.5, .25, .125, .125}, params);
  EXPECT_TRUE(Leaves(row, {{0, .3693980}, {1, .2612039}, {2, .1846990}, {3, .1846990}}));
  EXPECT_NEAR(Ask(row).stages.at(0).temperature, 2, 1e-6);
}

// The temperature that a row of 1.75 bits of 2 reaches.
SamplingParams Dynamic(double temperature, double range, double exponent = 1) {
  return {.temperature = temperature,
          .dynamic_temperature_range = range,
          .dynamic_temperature_exponent = exponent};
}

TEST_P(Samplers, DynamicTemperatureStartsAtZeroOrAbove) {
  const auto reached = [&](const SamplingParams& params) {
    return Ask(Likely({.5, .25, .125, .125}, params)).stages.at(0).temperature;
  };
  EXPECT_NEAR(reached(Dynamic(1, .5)), .5 + .875, 1e-6);
  EXPECT_NEAR(reached(Dynamic(.5, 1)), 1.5 * .875, 1e-6);
  EXPECT_NEAR(reached(Dynamic(0, 1)), .875, 1e-6);
  EXPECT_NEAR(reached(Dynamic(1, 1, 2)), 2 * .765625, 1e-6);
  EXPECT_NEAR(reached(Dynamic(1, 1, .5)), 2 * .9354143, 1e-6);
}

TEST_P(Samplers, DynamicTemperatureOfASingleTokenIsTheLowest) {
  const auto reached = [&](const SamplingParams& params) {
    return Ask(Raw({-kInf, 3}, params)).stages.at(0).temperature;
  };
  EXPECT_DOUBLE_EQ(reached(Dynamic(1, .25)), .75);
  EXPECT_EQ(reached(Dynamic(1, 1)), 0);
}

TEST_P(Samplers, DynamicTemperatureOfEqualTokensIsTheHighest) {
  EXPECT_NEAR(Ask(Raw({1, 1, 1, -kInf}, Dynamic(1, .25))).stages.at(0).temperature, 1.25, 1e-9);
}

TEST_P(Samplers, DynamicTemperatureBelowTheThresholdIsGreedy) {
  // One token has all the mass: H is about 200 * e^-200.
  EXPECT_TRUE(Leaves(Raw({0, 200}, Dynamic(1, 1)), {{1, 1}}));
  EXPECT_EQ(Ask(Raw({0, 200}, Dynamic(1, 1))).kept_mass, 1);
}

TEST_P(Samplers, Mirostat2CutsTokensOfMoreSurpriseThanMu) {
  const auto with = [](double mu) {
    Row row = Four({.mirostat = 2});
    row.state.mirostat_mu = mu;
    return row;
  };
  EXPECT_TRUE(Leaves(with(-1), {{3, 1}}));
  EXPECT_TRUE(Leaves(with(1), {{3, 1}}));
  EXPECT_TRUE(Leaves(with(2), {{3, 4. / 7}, {2, 3. / 7}}));
  EXPECT_TRUE(Leaves(with(3), {{3, 4. / 9}, {2, 3. / 9}, {1, 2. / 9}}));
  EXPECT_TRUE(LeavesAllFour(with(3.5)));
}

TEST_P(Samplers, MirostatStartsAtTwiceTau) {
  EXPECT_TRUE(Leaves(Four({.mirostat = 2, .mirostat_tau = 1}), {{3, 4. / 7}, {2, 3. / 7}}));
}

TEST_P(Samplers, MirostatMovesMuByTheSurpriseOfTheTokenDrawn) {
  Row certain = Four({.mirostat = 2});
  certain.state.mirostat_mu = 0;  // leaves one token: no surprise
  EXPECT_NEAR(Ask(certain).mirostat_mu.value_or(-1), 0 - .1 * (0 - 5), 1e-6);
  Row equal = Likely({.25, .25, .25, .25}, {.mirostat = 2, .mirostat_tau = 1, .mirostat_eta = .5});
  equal.state.mirostat_mu = 3;  // leaves all: 2 bits, whichever is drawn
  EXPECT_NEAR(Ask(equal).mirostat_mu.value_or(-1), 3 - .5 * (2 - 1), 1e-6);
  equal.params.top_k = 2;  // before it: 1 bit
  EXPECT_NEAR(Ask(equal).mirostat_mu.value_or(-1), 3 - .5 * (1 - 1), 1e-6);
  EXPECT_NEAR(Ask(Four({.temperature = 0, .mirostat = 1})).mirostat_mu.value_or(-1), 10.5, 1e-6);
  EXPECT_FALSE(Ask(Four()).mirostat_mu.has_value());
}

// Weights i^-s: mirostat 1 finds s.
Row Zipf(double s, int count, int vocab_size, double mu) {
  std::vector<float> logits;
  for (int i = 1; i <= vocab_size; ++i) {
    logits.push_back(i <= count ? static_cast<float>(-s * std::log(i)) : -kInf);
  }
  Row row = Raw(logits, {.mirostat = 1});
  row.state.mirostat_mu = mu;
  return row;
}

TEST_P(Samplers, Mirostat1KeepsAsManyTokensAsTheirZipfExponentSays) {
  // s = 2, V = 4: k = sqrt(4 / 3 * 2^mu).
  EXPECT_TRUE(Leaves(Zipf(2, 4, 4, -5), {{0, 1}}));                                    // .20
  EXPECT_TRUE(Leaves(Zipf(2, 4, 4, 1), {{0, 1}}));                                     // 1.63
  EXPECT_TRUE(Leaves(Zipf(2, 4, 4, 2), {{0, .8}, {1, .2}}));                           // 2.31
  EXPECT_TRUE(Leaves(Zipf(2, 4, 4, 3), {{0, 36. / 49}, {1, 9. / 49}, {2, 4. / 49}}));  // 3.27
  EXPECT_EQ(Ask(Zipf(2, 4, 4, 4)).left.size(), 4u);                                    // 4.62
  // s = 1 / 2: k = (2^mu / 2)^2.
  EXPECT_TRUE(Leaves(Zipf(.5, 4, 4, 1.7), {{0, .5857864}, {1, .4142136}}));  // 2.64
}

TEST_P(Samplers, Mirostat1CountsTheWholeVocabulary) {
  // k = sqrt(4 / 3 * 2^1.9) is 2.23, sqrt(16 / 15 * 2^1.9) is 1.996.
  EXPECT_EQ(Ask(Zipf(2, 4, 4, 1.9)).left.size(), 2u);
  EXPECT_EQ(Ask(Zipf(2, 4, 16, 1.9)).left.size(), 1u);
}

TEST_P(Samplers, Mirostat1LooksAtTheFirstHundredTokens) {
  // s = 2, V = 200: k = sqrt(2^10 / .995) = 32.08. With the step from token 100 to 101 s
  // would be 2.05, and k 30.2.
  Row row = Zipf(2, 200, 200, 10);
  std::vector<float> logits = row.logits.widened();
  for (size_t i = 100; i < 200; ++i) logits[i] = logits[99] - 5;
  row.logits = Encoded(logits);
  EXPECT_EQ(Ask(row).left.size(), 32u);
}

TEST_P(Samplers, Mirostat1OfEqualTokensKeepsOneOrAll) {
  // s = 0: (2^mu / (V - 1))^inf.
  Row row = Raw({1, 1, 1, 1}, {.mirostat = 1});
  row.state.mirostat_mu = 1;
  EXPECT_TRUE(Leaves(row, {{0, 1}}));
  row.state.mirostat_mu = 2;
  EXPECT_TRUE(Leaves(row, {{0, .25}, {1, .25}, {2, .25}, {3, .25}}));
}

TEST_P(Samplers, Mirostat1OfASingleTokenKeepsIt) {
  EXPECT_TRUE(Leaves(Raw({7}, {.mirostat = 1}), {{0, 1}}));
  EXPECT_TRUE(Leaves(Raw({-kInf, 7, -kInf}, {.mirostat = 1}), {{1, 1}}));
}

// The default order: each stage acts on what the one before left, renormalised.
TEST_P(Samplers, ActOnWhatTheOneBeforeLeft) {
  // Sigma is ln(9) / sqrt(2): top-n-sigma drops token 0; the roots of 9 to 1 are 3 to 1.
  const SamplingParams params{.temperature = 2, .top_n_sigma = 1.5};
  EXPECT_TRUE(Leaves(Likely({.01, .09, .09, .81}, params), {{3, .6}, {1, .2}, {2, .2}}));
  // Of 4/7 and 3/7, not of .4 and .3.
  EXPECT_TRUE(Leaves(Four({.top_k = 2, .epsilon_cutoff = .41}), {{3, 4. / 7}, {2, 3. / 7}}));
  EXPECT_TRUE(Leaves(Four({.top_k = 2, .epsilon_cutoff = .45}), {{3, 1}}));
  // Of 3/5 and 2/5, which typical-p leaves.
  EXPECT_TRUE(Leaves(Four({.top_p = .55, .typical_p = .4}), {{2, 1}}));
  EXPECT_TRUE(Leaves(Four({.top_p = .65, .typical_p = .4}), {{2, .6}, {1, .4}}));
  // XTC sees what top-k leaves: 4/9, 3/9 and 2/9.
  const SamplingParams xtc{.top_k = 3, .xtc_probability = 1, .xtc_threshold = .21};
  EXPECT_TRUE(Leaves(Four(xtc), {{1, 1}}));
}

TEST_P(Samplers, InLlamaCppsOrderHaveTheTemperatureLast) {
  const SamplingParams params{.temperature = .5, .top_p = .5};
  EXPECT_TRUE(Leaves(Four(params), {{3, 1}}));  // 16/30 lie before token 2
  EXPECT_TRUE(Leaves(Four(params, LlamaCpp()), {{3, .64}, {2, .36}}));
}

TEST_P(Samplers, InLlamaCppsOrderMeasureTheTypicalAtTemperatureOne) {
  const SamplingParams params{.temperature = .5, .typical_p = .4};
  EXPECT_TRUE(Leaves(Four(params, LlamaCpp()), {{2, 9. / 13}, {1, 4. / 13}}));
}

TEST_P(Samplers, InTransformersOrderHaveMinPAfterTopP) {
  const SamplingParams params{.min_p = .4, .top_p = .75};
  // Of 4/9, 3/9 and 2/9, .78 lie before the last.
  EXPECT_TRUE(Leaves(Four(params), {{3, 4. / 7}, {2, 3. / 7}}));
  EXPECT_TRUE(Leaves(Four(params, Transformers()), {{3, 4. / 9}, {2, 3. / 9}, {1, 2. / 9}}));
}

TEST_P(Samplers, InSgLangsOrderCutTopKAndTopPOfTheSameDistribution) {
  const SamplingParams params{.top_k = 3, .top_p = .75};
  EXPECT_TRUE(Leaves(Four(params), {{3, 4. / 7}, {2, 3. / 7}}));
  EXPECT_TRUE(Leaves(Four(params, SgLang()), {{3, 4. / 9}, {2, 3. / 9}, {1, 2. / 9}}));
  EXPECT_TRUE(Leaves(Four({.top_k = 2, .top_p = .75}, SgLang()), {{3, 4. / 7}, {2, 3. / 7}}));
  EXPECT_TRUE(Leaves(Four({.top_k = 2}, SgLang()), {{3, 4. / 7}, {2, 3. / 7}}));
  EXPECT_TRUE(Leaves(Four({.top_p = .5}, SgLang()), {{3, 4. / 7}, {2, 3. / 7}}));
  EXPECT_TRUE(LeavesAllFour(Four({}, SgLang())));
}

TEST_P(Samplers, InAnOrderWithoutTheTemperatureStayAtOne) {
  EXPECT_TRUE(Leaves(Four({.top_k = 2}, InOrder({Stage::kTopK})), {{3, 4. / 7}, {2, 3. / 7}}));
}

TEST_P(Samplers, ThatAreListedButNotSetDoNothing) {
  EXPECT_TRUE(LeavesAllFour(Four({}, LlamaCpp())));
  EXPECT_TRUE(LeavesAllFour(Four({}, Transformers())));
}

TEST_P(Samplers, LeaveGreedyTheFirstOfWhatComesBeforeIt) {
  const SamplingParams params{.temperature = 0, .xtc_probability = 1, .xtc_threshold = .25};
  EXPECT_TRUE(Leaves(Four(params), {{3, 1}}));
  const Row row = Four(params, LlamaCpp());
  EXPECT_TRUE(Leaves(row, {{2, 1}}));
  EXPECT_THAT(Ask(row).drawn, ElementsAre(2));
  EXPECT_EQ(Ask(row).kept_mass, 1);
}

TEST_P(Samplers, ChangeNothingAfterGreedy) {
  const SamplingParams params{.temperature = 1e-6,
                              .min_p = 1,
                              .top_k = 2,
                              .top_p = 1e-9,
                              .typical_p = 1e-9,
                              .epsilon_cutoff = .99,
                              .eta_cutoff = .99,
                              .xtc_probability = 1,
                              .xtc_threshold = 0,
                              .mirostat = 2};
  EXPECT_TRUE(Leaves(Four(params), {{3, 1}}));
}

// Every stage alone, set so that it drops nothing of two likely tokens.
std::vector<SamplingParams> MildStages() {
  return {{.temperature = 1},  {.min_p = .1},      {.top_k = 3},
          {.top_p = .99},      {.typical_p = .99}, {.epsilon_cutoff = .01},
          {.eta_cutoff = .01}, {.top_n_sigma = 3}, {.xtc_probability = 1, .xtc_threshold = .5},
          {.mirostat = 2}};
}

TEST_P(Samplers, NeverKeepATokenAtMinusInfinity) {
  for (const SamplingParams& params : MildStages()) {
    EXPECT_TRUE(Leaves(Likely({0, .4, 0, .6, 0}, params), {{3, .6}, {1, .4}}));
  }
}

TEST_P(Samplers, DecideTiesById) {
  const std::vector<double> tied = {.25, .25, .25, .25};
  const std::vector<TokenShare> two = {{0, .5}, {1, .5}};
  const std::vector<TokenShare> all = {{0, .25}, {1, .25}, {2, .25}, {3, .25}};
  EXPECT_TRUE(Leaves(Likely(tied, {.temperature = 0}), {{0, 1}}));
  EXPECT_TRUE(Leaves(Likely(tied, {.top_k = 2}), two));
  EXPECT_TRUE(Leaves(Likely(tied, {.top_p = .3}), two));
  EXPECT_TRUE(Leaves(Likely(tied, {.typical_p = .3}), two));
  EXPECT_TRUE(Leaves(Likely(tied, {.epsilon_cutoff = .3}), {{0, 1}}));
  EXPECT_TRUE(Leaves(Likely(tied, {.min_p = 1}), all));
  EXPECT_TRUE(Leaves(Likely(tied, {.eta_cutoff = .9}), all));
  EXPECT_TRUE(Leaves(Likely(tied, {.top_n_sigma = .5}), all));
  EXPECT_TRUE(Leaves(Likely(tied, {.mirostat = 2, .mirostat_tau = .95}), {{0, 1}}));
}

TEST_P(Samplers, TypicalPCutsTiedTokensByIdOnEitherSide) {
  // H = 1.2275: |-ln p - H| is .7167 of token 1 and 1.0751 of the others.
  EXPECT_TRUE(
      Leaves(Likely({.1, .6, .1, .1, .1}, {.typical_p = .75}), {{1, .75}, {0, .125}, {2, .125}}));
}

TEST_P(Samplers, ReportTheShareThatTheyKeptOfTheWhole) {
  EXPECT_NEAR(Ask(Four({.top_k = 2})).kept_mass, .7, 1e-6);
  EXPECT_NEAR(Ask(Four({.typical_p = .4})).kept_mass, .5, 1e-6);
  EXPECT_NEAR(Ask(Four({.xtc_probability = 1, .xtc_threshold = .25})).kept_mass, .6, 1e-6);
  EXPECT_NEAR(Ask(Four({.temperature = .5, .top_p = .5}, LlamaCpp())).kept_mass, 25. / 30, 1e-6);
}

// A stage's report, with numbers to 1e-6.
testing::Matcher<core::StageReport> Reports(const std::string& name, uint32_t token_count,
                                            double mass, double entropy, double temperature) {
  using testing::DoubleNear;
  using testing::Field;
  using testing::FloatNear;
  return testing::AllOf(
      Field(&core::StageReport::name, testing::StrEq(name)),
      Field(&core::StageReport::token_count, token_count),
      Field(&core::StageReport::mass, FloatNear(static_cast<float>(mass), 1e-6f)),
      Field(&core::StageReport::entropy, FloatNear(static_cast<float>(entropy), 1e-5f)),
      Field(&core::StageReport::temperature, DoubleNear(temperature, 1e-9)));
}

TEST_P(Samplers, ReportWhatEachLeft) {
  EXPECT_THAT(Ask(Four()).stages, ElementsAre(Reports("temperature", 4, 1, 1.846439, 1)));
  // 1, 4, 9 and 16 thirtieths; 25 and 9 of them pass top-k.
  EXPECT_THAT(
      Ask(Four({.temperature = .5, .top_k = 2, .xtc_probability = 1e-9})).stages,
      ElementsAre(Reports("temperature", 4, 1, 1.555913, .5),
                  Reports("top_k", 2, 25. / 30, .942683, .5), Reports("xtc", 2, 1, .942683, .5)));
}

TEST_P(Samplers, ReportTheTemperatureReachedByThen) {
  EXPECT_THAT(
      Ask(Four({.temperature = .5, .top_k = 2}, LlamaCpp())).stages,
      ElementsAre(Reports("top_k", 2, .7, .985228, 1), Reports("temperature", 2, 1, .942683, .5)));
}

TEST_P(Samplers, ReportGreedyAsTheShareOfItsToken) {
  EXPECT_THAT(Ask(Four({.temperature = 0, .min_p = .5})).stages,
              ElementsAre(Reports("temperature", 1, .4, 0, 0), Reports("min_p", 1, 1, 0, 0)));
}

TEST_P(Samplers, ReportUnderTheNameThatWasListed) {
  EXPECT_THAT(Ask(Four({.top_k = 2}, SgLang())).stages,
              ElementsAre(Reports("temperature", 4, 1, 1.846439, 1),
                          Reports("top_k_top_p", 2, .7, .985228, 1)));
}

}  // namespace
}  // namespace boltzmann::test
