#include "client/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "client/command.h"

namespace boltzmann::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<double> Values(const std::string& text) {
  const auto sweep = ParseSweep(text);
  EXPECT_TRUE(sweep.ok()) << sweep.status();
  return sweep.ok() ? sweep->values : std::vector<double>();
}

TEST(Sweep, TakesElevenValuesOfARangeUnlessACountIsGiven) {
  EXPECT_THAT(Values("temperature=0..1"),
              ElementsAre(0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1));
  EXPECT_THAT(Values("temperature=.1..2:3"), ElementsAre(0.1, 1.05, 2));
  EXPECT_THAT(Values("frequency_penalty=-2..2:5"), ElementsAre(-2, -1, 0, 1, 2));
}

TEST(Sweep, RoundsValuesToSixDigitsSoThatWhatIsShownIsWhatIsSent) {
  EXPECT_THAT(Values("min_p=0..1:4"), ElementsAre(0, 0.333333, 0.666667, 1));
}

TEST(Sweep, TakesEachIntegerOfARangeOnce) {
  EXPECT_THAT(Values("top_k=1..4"), ElementsAre(1, 2, 3, 4));
}

TEST(Sweep, TakesAListAsItStands) {
  EXPECT_THAT(Values("temperature=1,.2,.7"), ElementsAre(1, 0.2, 0.7));
  EXPECT_THAT(Values("top_k=5"), ElementsAre(5));
}

TEST(Sweep, SetsTheParameterByItsName) {
  v1::SamplingParams params;
  SetParameter("temperature", 0.5, params);
  SetParameter("top_k", 7, params);
  SetParameter("mirostat", 2, params);
  EXPECT_EQ(params.temperature(), 0.5);
  EXPECT_EQ(params.top_k(), 7);
  EXPECT_EQ(params.mirostat(), 2u);
}

TEST(Sweep, SaysWhatIsWrongAndTheWayOut) {
  const auto expect = [](const std::string& text, const std::string& why) {
    const auto sweep = ParseSweep(text);
    ASSERT_FALSE(sweep.ok()) << text;
    EXPECT_TRUE(IsMisuse(sweep.status()));
    EXPECT_THAT(std::string(sweep.status().message()),
                HasSubstr("--sweep: '" + text + "' is not allowed: " + why));
  };
  expect("temprature=1..2", "'temprature' is no parameter that is one number: these are tempera");
  expect("filter_order=1..2", "'filter_order' is no parameter that is one number");
  expect("temperature", "give NAME=FIRST..LAST");
  expect("temperature=", "'' is not a number that temperature can be: give NAME");
  expect("temperature=1..", "'' is not a number");
  expect("temperature=1,,2", "'' is not a number");
  expect("temperature=1,nan", "'nan' is not a number");
  expect("temperature=1..inf", "'inf' is not a number");
  expect("temperature=1..1", "the range is empty");
  expect("temperature=2..1", "the range is reversed: give temperature=1..2");
  expect("temperature=1..2:1", "the count '1' is outside [2, 1024]");
  expect("temperature=1..2:x", "the count 'x' is outside [2, 1024]");
  expect("temperature=1..2:", "the count '' is outside [2, 1024]");
  expect("top_k=1.5..3", "'1.5' is not an integer that top_k can be");
  expect("top_k=1..9000000000", "'9000000000' is not an integer");
  expect("mirostat=-1,2", "'-1' is not an integer");
}

}  // namespace
}  // namespace boltzmann::client
