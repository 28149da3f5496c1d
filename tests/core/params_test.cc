// Parameters just inside and just outside what is allowed.
#include "core/params.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace boltzmann::core {

bool operator==(const Violation& a, const Violation& b) {
  return a.field == b.field && a.description == b.description;
}

void PrintTo(const Violation& violation, std::ostream* out) {
  *out << violation.field << ": " << violation.description;
}

}  // namespace boltzmann::core

namespace boltzmann::test {
namespace {

using core::OutputOptions;
using core::RowState;
using core::SamplingParams;
using core::Violation;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();
constexpr double kTiny = std::numeric_limits<double>::denorm_min();
constexpr double kHuge = std::numeric_limits<double>::max();

std::vector<Violation> Check(const SamplingParams& params, int32_t vocab_size = 8) {
  std::vector<Violation> violations;
  Validate(params, vocab_size, "params[3]", violations);
  return violations;
}

std::vector<Violation> Check(const OutputOptions& outputs, int32_t vocab_size) {
  std::vector<Violation> violations;
  Validate(outputs, vocab_size, "outputs[0]", violations);
  return violations;
}

std::vector<Violation> Check(const RowState& state, const SamplingParams& params = {},
                             int32_t vocab_size = 8) {
  std::vector<Violation> violations;
  Validate(state, params, vocab_size, "rows[7]", violations);
  return violations;
}

std::vector<Violation> Check(uint32_t draw_count) {
  RowState state;
  state.draw_count = draw_count;
  return Check(state);
}

TEST(Validate, AcceptsTheDefaults) {
  EXPECT_THAT(Check(SamplingParams{}), IsEmpty());
  EXPECT_THAT(Check(OutputOptions{}, 1), IsEmpty());
  EXPECT_THAT(Check(RowState{}), IsEmpty());
}

TEST(Validate, AcceptsEveryTemperatureFromZeroUp) {
  for (double t : {0.0, -0.0, kTiny, 1e-5, 1.0, 1e30, kHuge}) {
    EXPECT_THAT(Check({.temperature = t}), IsEmpty()) << t;
  }
}

TEST(Validate, RefusesTemperaturesBelowZeroAndThoseThatAreNotFinite) {
  const auto refused = [](const char* text) {
    return ElementsAre(
        Violation{"params[3].temperature", std::string(text) + " is outside [0, inf)"});
  };
  EXPECT_THAT(Check({.temperature = -1}), refused("-1"));
  EXPECT_THAT(Check({.temperature = -.5}), refused("-0.5"));
  EXPECT_THAT(Check({.temperature = kInfinity}), refused("inf"));
  EXPECT_THAT(Check({.temperature = -kInfinity}), refused("-inf"));
  EXPECT_THAT(Check({.temperature = kNotANumber}), refused("nan"));
}

TEST(Validate, AcceptsEveryMinPFromZeroToOne) {
  for (double p : {0.0, -0.0, kTiny, .05, 1.0}) EXPECT_THAT(Check({.min_p = p}), IsEmpty()) << p;
}

TEST(Validate, RefusesMinPOutsideZeroToOne) {
  const auto refused = [](const char* text) {
    return ElementsAre(Violation{"params[3].min_p", std::string(text) + " is outside [0, 1]"});
  };
  EXPECT_THAT(Check({.min_p = -.1}), refused("-0.1"));
  EXPECT_THAT(Check({.min_p = 1.5}), refused("1.5"));
  EXPECT_THAT(Check({.min_p = kInfinity}), refused("inf"));
  EXPECT_THAT(Check({.min_p = kNotANumber}), refused("nan"));
}

TEST(Validate, AcceptsEveryTopKFromMinusOneUp) {
  for (int32_t k : {-1, 0, 1, 50, std::numeric_limits<int32_t>::max()}) {
    EXPECT_THAT(Check({.top_k = k}), IsEmpty()) << k;
  }
}

TEST(Validate, RefusesTopKBelowMinusOne) {
  const auto refused = [](const char* text) {
    return ElementsAre(
        Violation{"params[3].top_k", std::string(text) + " is outside [-1, 2147483647]"});
  };
  EXPECT_THAT(Check({.top_k = -2}), refused("-2"));
  EXPECT_THAT(Check({.top_k = std::numeric_limits<int32_t>::min()}), refused("-2147483648"));
}

TEST(Validate, AcceptsEveryTopPAboveZeroUpToOne) {
  for (double p : {kTiny, 1e-9, .9, std::nextafter(1.0, 0.0), 1.0}) {
    EXPECT_THAT(Check({.top_p = p}), IsEmpty()) << p;
  }
}

TEST(Validate, RefusesTopPOfZeroAndAboveOne) {
  const auto refused = [](const char* text) {
    return ElementsAre(Violation{"params[3].top_p", std::string(text) + " is outside (0, 1]"});
  };
  EXPECT_THAT(Check({.top_p = 1.7}), refused("1.7"));
  EXPECT_THAT(Check({.top_p = 0}), refused("0"));
  EXPECT_THAT(Check({.top_p = -.1}), refused("-0.1"));
  EXPECT_THAT(Check({.top_p = kInfinity}), refused("inf"));
  EXPECT_THAT(Check({.top_p = -kInfinity}), refused("-inf"));
  EXPECT_THAT(Check({.top_p = kNotANumber}), refused("nan"));
}

// A message such as `1 is outside (0, 1]` would send its reader in circles.
TEST(Validate, PrintsAValueJustOutsideSoThatItDiffersFromTheBound) {
  EXPECT_THAT(Check({.top_p = std::nextafter(1.0, 2.0)}),
              ElementsAre(Violation{"params[3].top_p", "1.0000000000000002 is outside (0, 1]"}));
  EXPECT_THAT(Check({.min_p = 1.0000001}),
              ElementsAre(Violation{"params[3].min_p", "1.0000001 is outside [0, 1]"}));
}

// Printing one once went through std::stod, which throws for what underflows.
TEST(Validate, RefusesDenormalsBelowZeroWithAMessage) {
  for (double x : {-kTiny, -1e-310, -2e-308}) {
    const std::vector<Violation> violations = Check({.temperature = x, .min_p = x, .top_p = x});
    ASSERT_EQ(violations.size(), 3u);
    for (const Violation& v : violations) EXPECT_EQ(v.description.substr(0, 1), "-");
  }
}

TEST(Validate, ListsEveryViolationOfARow) {
  const SamplingParams params{.temperature = -1, .min_p = 2, .top_k = -7, .top_p = 0};
  EXPECT_THAT(Check(params), testing::UnorderedElementsAre(
                                 Violation{"params[3].temperature", "-1 is outside [0, inf)"},
                                 Violation{"params[3].min_p", "2 is outside [0, 1]"},
                                 Violation{"params[3].top_k", "-7 is outside [-1, 2147483647]"},
                                 Violation{"params[3].top_p", "0 is outside (0, 1]"}));
}

TEST(Validate, AppendsToWhatWasFoundBefore) {
  std::vector<Violation> violations = {{"first", "stays"}};
  Validate(SamplingParams{.top_p = 2}, 8, "params[0]", violations);
  Validate(SamplingParams{.top_p = 3}, 8, "params[1]", violations);
  EXPECT_THAT(violations, ElementsAre(Violation{"first", "stays"},
                                      Violation{"params[0].top_p", "2 is outside (0, 1]"},
                                      Violation{"params[1].top_p", "3 is outside (0, 1]"}));
}

TEST(Validate, AcceptsDrawCountsFromOneToTheLimit) {
  for (uint32_t n : {1u, 2u, 1u << 20}) EXPECT_THAT(Check(n), IsEmpty());
}

TEST(Validate, RefusesDrawCountsOfZeroAndAboveTheLimit) {
  const auto refused = [](const char* text) {
    return ElementsAre(
        Violation{"rows[7].draw_count", std::string(text) + " is outside [1, 1048576]"});
  };
  EXPECT_THAT(Check(0), refused("0"));
  EXPECT_THAT(Check((1u << 20) + 1), refused("1048577"));
  EXPECT_THAT(Check(std::numeric_limits<uint32_t>::max()), refused("4294967295"));
}

TEST(Validate, AcceptsListsAsLongAsTheVocabulary) {
  EXPECT_THAT(Check({.top_model_count = 8, .top_sampled_count = 8, .named_token_ids = {}}, 8),
              IsEmpty());
}

TEST(Validate, RefusesListsLongerThanTheVocabulary) {
  EXPECT_THAT(Check({.top_model_count = 9, .named_token_ids = {}}, 8),
              ElementsAre(Violation{"outputs[0].top_model_count", "9 is outside [0, 8]"}));
  EXPECT_THAT(
      Check({.top_sampled_count = std::numeric_limits<uint32_t>::max(), .named_token_ids = {}}, 8),
      ElementsAre(Violation{"outputs[0].top_sampled_count", "4294967295 is outside [0, 8]"}));
}

TEST(Validate, NamesEveryTokenIdOutsideTheVocabulary) {
  const std::vector<int32_t> named = {0, 7, 8, 7, -1, std::numeric_limits<int32_t>::max()};
  EXPECT_THAT(
      Check({.named_token_ids = named}, 8),
      ElementsAre(Violation{"outputs[0].named_token_ids[2]", "8 is outside [0, 8)"},
                  Violation{"outputs[0].named_token_ids[4]", "-1 is outside [0, 8)"},
                  Violation{"outputs[0].named_token_ids[5]", "2147483647 is outside [0, 8)"}));
}

TEST(Validate, NamesTheFirstFewOfManyTokenIdsOutsideTheVocabulary) {
  const std::vector<int32_t> named(1000, 9);
  const std::vector<Violation> violations = Check({.named_token_ids = named}, 8);
  ASSERT_EQ(violations.size(), 9u);
  EXPECT_EQ(violations.back().description, "992 more ids are outside [0, 8)");
}

TEST(StageNames, AreTheNamesThatTheContractLists) {
  const std::vector<std::string> names(core::StageNames().begin(), core::StageNames().end());
  EXPECT_THAT(names,
              ElementsAre("top_n_sigma", "temperature", "min_p", "top_k", "typical_p", "top_p",
                          "epsilon_cutoff", "eta_cutoff", "xtc", "mirostat", "top_k_top_p"));
}

TEST(StageNames, AllButTheLastAreTheDefaultOrder) {
  ASSERT_EQ(core::DefaultOrder().size(), core::StageNames().size() - 1);
  for (size_t i = 0; i < core::DefaultOrder().size(); ++i) {
    EXPECT_STREQ(core::NameOf(core::DefaultOrder()[i]), core::StageNames()[i]);
    EXPECT_EQ(core::FindStage(core::StageNames()[i]), core::DefaultOrder()[i]);
  }
  EXPECT_EQ(core::FindStage("top_k_top_p"), core::Stage::kTopKTopP);
  EXPECT_EQ(core::FindStage("top-k"), std::nullopt);
}

}  // namespace
}  // namespace boltzmann::test
