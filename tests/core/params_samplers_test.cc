// Parameters of samplers and edits just inside and just outside what is allowed, and those that
// do not go together.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/params.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

using core::SamplingParams;
using core::Stage;
using core::Violation;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using testing::UnorderedElementsAre;

using Tokens = std::vector<int32_t>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();
constexpr double kTiny = std::numeric_limits<double>::denorm_min();
constexpr double kHuge = std::numeric_limits<double>::max();
const double kBelowOne = std::nextafter(1.0, 0.0);
const double kAboveOne = std::nextafter(1.0, 2.0);

// Every violation of a row of eight tokens, as `field: description`.
std::vector<std::string> Check(const Row& row) {
  std::vector<Violation> violations;
  Validate(row.params, 8, "params", violations);
  Validate(row.state, row.params, 8, "row", violations);
  std::vector<std::string> texts;
  for (const Violation& v : violations) texts.push_back(v.field + ": " + v.description);
  return texts;
}

std::vector<std::string> Check(const SamplingParams& params, RowLists lists = {}) {
  Row row{.logits = Encoded({0}), .params = params};
  row.Keep(std::move(lists));
  return Check(row);
}

// A parameter that is a number, the values that are allowed, and those that are not.
struct Range {
  double SamplingParams::*field;
  const char* name;
  const char* text;
  std::vector<double> allowed;
  std::vector<double> refused;
};

std::vector<Range> Ranges() {
  const double inf = kInfinity, nan = kNotANumber;
  using P = SamplingParams;
  return {
      {&P::typical_p, "typical_p", "(0, 1]", {kTiny, .5, kBelowOne, 1}, {0, -.1, kAboveOne, nan}},
      {&P::epsilon_cutoff, "epsilon_cutoff", "[0, 1)", {0, kTiny, kBelowOne}, {1, -kTiny, nan}},
      {&P::eta_cutoff, "eta_cutoff", "[0, 1)", {0, kTiny, kBelowOne}, {1, -kTiny, inf, nan}},
      {&P::top_n_sigma, "top_n_sigma", "[0, inf)", {0, kTiny, 1, kHuge}, {-kTiny, inf, nan}},
      {&P::xtc_probability, "xtc_probability", "[0, 1]", {0, kTiny, 1}, {-kTiny, kAboveOne, nan}},
      {&P::xtc_threshold, "xtc_threshold", "[0, 1]", {0, .5, .51, 1}, {-.1, kAboveOne, nan}},
      {&P::dynamic_temperature_range,
       "dynamic_temperature_range",
       "[0, inf)",
       {0, kTiny, 1e9},
       {-kTiny, inf, nan}},
      {&P::dynamic_temperature_exponent,
       "dynamic_temperature_exponent",
       "(0, inf)",
       {kTiny, 1, kHuge},
       {0, -1, inf, nan}},
      {&P::mirostat_tau, "mirostat_tau", "[0, inf)", {0, 5, kHuge}, {-kTiny, inf, nan}},
      {&P::mirostat_eta, "mirostat_eta", "[0, inf)", {0, .1, kHuge}, {-kTiny, inf, nan}},
      {&P::repetition_penalty,
       "repetition_penalty",
       "(0, inf)",
       {kTiny, 1, kHuge},
       {0, -1, inf, nan}},
      {&P::frequency_penalty, "frequency_penalty", "[-2, 2]", {-2, 0, 2}, {-2.1, 2.1, inf, nan}},
      {&P::presence_penalty, "presence_penalty", "[-2, 2]", {-2, 0, 2}, {-2.1, 2.1, -inf, nan}},
      {&P::dry_multiplier, "dry_multiplier", "[0, inf)", {0, kTiny, kHuge}, {-kTiny, inf, nan}},
      {&P::dry_base, "dry_base", "[1, inf)", {1, 1.75, kHuge}, {kBelowOne, 0, -2, inf, nan}},
  };
}

TEST(Validate, AcceptsEveryNumberWithinItsRange) {
  for (const Range& range : Ranges()) {
    for (double value : range.allowed) {
      SamplingParams params;
      params.*range.field = value;
      EXPECT_THAT(Check(params), IsEmpty()) << range.name << " " << value;
    }
  }
}

TEST(Validate, RefusesEveryNumberOutsideItsRange) {
  for (const Range& range : Ranges()) {
    const std::string end = std::string(" is outside ") + range.text;
    for (double value : range.refused) {
      SamplingParams params;
      params.*range.field = value;
      EXPECT_THAT(Check(params),
                  ElementsAre(testing::AllOf(StartsWith(std::string("params.") + range.name + ": "),
                                             testing::EndsWith(end))))
          << range.name << " " << value;
    }
  }
}

TEST(Validate, KnowsTwoVersionsOfMirostat) {
  for (uint32_t version : {0u, 1u, 2u}) EXPECT_THAT(Check({.mirostat = version}), IsEmpty());
  EXPECT_THAT(Check({.mirostat = 3}), ElementsAre("params.mirostat: 3 is outside [0, 2]"));
}

TEST(Validate, RefusesADryLengthOfZero) {
  EXPECT_THAT(Check({.dry_allowed_length = 1}), IsEmpty());
  EXPECT_THAT(Check({.dry_allowed_length = 0}),
              ElementsAre(StartsWith("params.dry_allowed_length: 0 is outside [1, ")));
}

TEST(Validate, TakesAnyNgramSizeAndDryRange) {
  for (uint32_t n : {0u, 1u, 0xFFFFFFFFu}) {
    EXPECT_THAT(Check({.dry_range = n, .no_repeat_ngram_size = n}), IsEmpty());
  }
}

// The stages that are set, each alone.
std::vector<std::pair<Stage, SamplingParams>> SetStages() {
  return {{Stage::kTopNSigma, {.top_n_sigma = 1}},
          {Stage::kTemperature, {.temperature = .5}},
          {Stage::kTemperature, {.temperature = 0}},
          {Stage::kTemperature, {.dynamic_temperature_range = .5}},
          {Stage::kMinP, {.min_p = .1}},
          {Stage::kTopK, {.top_k = 5}},
          {Stage::kTypicalP, {.typical_p = .9}},
          {Stage::kTopP, {.top_p = .9}},
          {Stage::kEpsilonCutoff, {.epsilon_cutoff = .1}},
          {Stage::kEtaCutoff, {.eta_cutoff = .1}},
          {Stage::kXtc, {.xtc_probability = .1}},
          {Stage::kMirostat, {.mirostat = 1}}};
}

TEST(Validate, RefusesAnOrderWithoutAStageThatIsSet) {
  for (const auto& [stage, params] : SetStages()) {
    EXPECT_THAT(Check(params), IsEmpty());
    std::vector<Stage> order(core::DefaultOrder().begin(), core::DefaultOrder().end());
    EXPECT_THAT(Check(params, {.filter_order = order}), IsEmpty());
    std::erase(order, stage);
    EXPECT_THAT(Check(params, {.filter_order = order}),
                ElementsAre(testing::AllOf(StartsWith("params.filter_order: "),
                                           HasSubstr(core::NameOf(stage)))));
  }
}

TEST(Validate, NamesEveryStageThatAnOrderLacks) {
  const SamplingParams params{.temperature = 2, .min_p = .5, .top_p = .5};
  EXPECT_THAT(Check(params, {.filter_order = {Stage::kMinP}}),
              UnorderedElementsAre(HasSubstr("temperature"), HasSubstr("top_p")));
}

TEST(Validate, TakesAnOrderOfStagesThatAreNotSet) {
  EXPECT_THAT(Check({}, {.filter_order = {Stage::kXtc, Stage::kTopKTopP}}), IsEmpty());
}

TEST(Validate, TakesTheJointStageInPlaceOfBoth) {
  const auto joint = [](const SamplingParams& params) {
    return Check(params, {.filter_order = {Stage::kTopKTopP}});
  };
  EXPECT_THAT(joint({.top_k = 5}), IsEmpty());
  EXPECT_THAT(joint({.top_p = .5}), IsEmpty());
  EXPECT_THAT(joint({.top_k = 5, .top_p = .5}), IsEmpty());
}

TEST(Validate, RefusesTheJointStageBesideOneOfItsParts) {
  EXPECT_THAT(Check({}, {.filter_order = {Stage::kTopKTopP, Stage::kTopK}}),
              ElementsAre(StartsWith("params.filter_order: ")));
  EXPECT_THAT(Check({.top_p = .5}, {.filter_order = {Stage::kTopP, Stage::kTopKTopP}}),
              ElementsAre(StartsWith("params.filter_order: ")));
}

TEST(Validate, RefusesMinTokensWithoutStopTokens) {
  EXPECT_THAT(Check({.min_tokens = 1}, {.stop = {7}}), IsEmpty());
  EXPECT_THAT(Check({}, {.stop = {7}}), IsEmpty());
  EXPECT_THAT(Check({.min_tokens = 1}), ElementsAre(StartsWith("params.min_tokens: 1 ")));
}

TEST(Validate, TakesEveryBiasThatIsANumber) {
  EXPECT_THAT(Check({}, {.bias_token_ids = {7, 0, 3}, .biases = {kInfinity, -kInfinity, kHuge}}),
              IsEmpty());
}

TEST(Validate, RefusesABiasThatIsNone) {
  EXPECT_THAT(Check({}, {.bias_token_ids = {1, 2}, .biases = {0, kNotANumber}}),
              ElementsAre(StartsWith("params.logit_bias.biases[1]: nan")));
}

TEST(Validate, RefusesTwoBiasesOfAToken) {
  EXPECT_THAT(Check({}, {.bias_token_ids = {5, 1, 5}, .biases = {1, 2, 1}}),
              ElementsAre(testing::AllOf(StartsWith("params.logit_bias.token_ids: "),
                                         HasSubstr("token 5 "))));
  EXPECT_THAT(Check({}, {.bias_token_ids = {2, 2}, .biases = {1, 1}}),
              ElementsAre(StartsWith("params.logit_bias.token_ids: ")));
}

TEST(Validate, RefusesAnotherNumberOfBiasesThanOfTokens) {
  EXPECT_THAT(Check({}, {.bias_token_ids = {1, 2}, .biases = {1}}),
              ElementsAre(StartsWith("params.logit_bias.biases: ")));
  EXPECT_THAT(Check({}, {.biases = {1}}), ElementsAre(StartsWith("params.logit_bias.biases: ")));
}

TEST(Validate, NamesEveryTokenOutsideTheVocabularyWhereverItIs) {
  const RowLists lists{.bias_token_ids = {8},
                       .biases = {1},
                       .allowed = {0, 8},
                       .banned = {-1, 7},
                       .banned_sequences = {{1}, {2, 9}},
                       .stop = {7, 10},
                       .breakers = {{11}},
                       .prompt = {12},
                       .output = {0, 13}};
  EXPECT_THAT(
      Check({}, lists),
      UnorderedElementsAre("params.logit_bias.token_ids[0]: 8 is outside [0, 8)",
                           "params.allowed_token_ids[1]: 8 is outside [0, 8)",
                           "params.banned_token_ids[0]: -1 is outside [0, 8)",
                           "params.banned_sequences[1].token_ids[1]: 9 is outside [0, 8)",
                           "params.stop_token_ids[1]: 10 is outside [0, 8)",
                           "params.dry_sequence_breakers[0].token_ids[0]: 11 is outside [0, 8)",
                           "row.prompt_token_ids[0]: 12 is outside [0, 8)",
                           "row.output_token_ids[1]: 13 is outside [0, 8)"));
}

TEST(Validate, RefusesSequencesOfNoToken) {
  EXPECT_THAT(Check({}, {.banned_sequences = {{1}, {}}, .breakers = {{}}}),
              UnorderedElementsAre(StartsWith("params.banned_sequences[1].token_ids: "),
                                   StartsWith("params.dry_sequence_breakers[0].token_ids: ")));
}

TEST(Validate, RefusesMirostatWithSeveralDraws) {
  Row row{.logits = Encoded({0}), .params = {.mirostat = 2}};
  EXPECT_THAT(Check(row), IsEmpty());
  row.state.draw_count = 2;
  EXPECT_THAT(Check(row), ElementsAre(StartsWith("row.draw_count: 2 ")));
  row.params.mirostat = 0;
  EXPECT_THAT(Check(row), IsEmpty());
}

TEST(Validate, RefusesAMuThatIsNotFinite) {
  for (double mu : {0.0, -5.0, kHuge, kInfinity, -kInfinity, kNotANumber}) {
    Row row{.logits = Encoded({0})};
    row.state.mirostat_mu = mu;
    if (std::isfinite(mu)) {
      EXPECT_THAT(Check(row), IsEmpty()) << mu;
    } else {
      EXPECT_THAT(Check(row), ElementsAre(StartsWith("row.mirostat_mu: "))) << mu;
    }
  }
}

std::vector<std::string> CheckMask(size_t bytes, int32_t vocab_size) {
  const std::vector<std::byte> mask(bytes);
  core::RowState state;
  state.allowed_token_mask = mask;
  std::vector<Violation> violations;
  Validate(state, {}, vocab_size, "row", violations);
  std::vector<std::string> fields;
  for (const Violation& v : violations) fields.push_back(v.field);
  return fields;
}

TEST(Validate, TakesAMaskOfWholeWordsUpToTheVocabulary) {
  EXPECT_THAT(CheckMask(4, 1), IsEmpty());
  EXPECT_THAT(CheckMask(4, 32), IsEmpty());
  EXPECT_THAT(CheckMask(4, 33), IsEmpty());
  EXPECT_THAT(CheckMask(8, 33), IsEmpty());
  EXPECT_THAT(CheckMask(16032, 128256), IsEmpty());
}

TEST(Validate, RefusesAMaskOfPartsOfWordsOrBeyondTheVocabulary) {
  const auto refused = ElementsAre("row.allowed_token_mask");
  for (size_t bytes : {1, 2, 3, 5, 6, 7}) EXPECT_THAT(CheckMask(bytes, 64), refused) << bytes;
  EXPECT_THAT(CheckMask(8, 32), refused);
  EXPECT_THAT(CheckMask(12, 64), refused);
  EXPECT_THAT(CheckMask(16036, 128256), refused);
}

std::vector<std::string> Parse(std::vector<std::string_view> names, std::vector<Stage>& order) {
  std::vector<Violation> violations;
  core::ParseFilterOrder(names, "params", order, violations);
  std::vector<std::string> texts;
  for (const Violation& v : violations) texts.push_back(v.field + ": " + v.description);
  return texts;
}

TEST(ParseFilterOrder, ReadsEveryName) {
  for (const char* name : core::StageNames()) {
    std::vector<Stage> order;
    EXPECT_THAT(Parse({name}, order), IsEmpty());
    EXPECT_THAT(order, ElementsAre(*core::FindStage(name)));
  }
}

TEST(ParseFilterOrder, KeepsTheOrderGiven) {
  std::vector<Stage> order;
  EXPECT_THAT(Parse({"xtc", "temperature", "top_n_sigma"}, order), IsEmpty());
  EXPECT_THAT(order, ElementsAre(Stage::kXtc, Stage::kTemperature, Stage::kTopNSigma));
}

TEST(ParseFilterOrder, RefusesNamesThatAreUnknownOrListedTwice) {
  std::vector<Stage> order;
  EXPECT_THAT(Parse({"top_k", "top-p", "", "min_p", "top_k", "Temperature"}, order),
              UnorderedElementsAre(StartsWith("params.filter_order[1]: 'top-p' "),
                                   StartsWith("params.filter_order[2]: '' "),
                                   StartsWith("params.filter_order[4]: top_k "),
                                   StartsWith("params.filter_order[5]: 'Temperature' ")));
}

}  // namespace
}  // namespace boltzmann::test
