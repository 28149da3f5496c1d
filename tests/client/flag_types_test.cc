#include "client/flag_types.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <optional>

namespace boltzmann::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <typename Value>
std::optional<Value> Parse(absl::string_view text) {
  Value value;
  std::string error;
  if (!AbslParseFlag(text, &value, &error)) return std::nullopt;
  return value;
}

TEST(TokenIds, AreSeparatedByCommasOrSpaces) {
  EXPECT_THAT(Parse<TokenIds>("1")->ids, ElementsAre(1));
  EXPECT_THAT(Parse<TokenIds>("1,2 3 , 4")->ids, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(Parse<TokenIds>("2147483647,-1")->ids, ElementsAre(2147483647, -1));
  EXPECT_THAT(Parse<TokenIds>("")->ids, IsEmpty());
}

TEST(TokenIds, AreRefusedUnlessEachIsAnInteger) {
  for (const char* text :
       {"x", "1,x", "1.5", "1,,2", ",1", "1,", " ", "1/2", "2147483648", "1e3"}) {
    EXPECT_FALSE(Parse<TokenIds>(text)) << text;
  }
}

TEST(TokenSequences, AreSeparatedBySlashes) {
  EXPECT_THAT(Parse<TokenSequences>("5,6/7")->sequences,
              ElementsAre(ElementsAre(5, 6), ElementsAre(7)));
  EXPECT_THAT(Parse<TokenSequences>("5 6 / 7")->sequences,
              ElementsAre(ElementsAre(5, 6), ElementsAre(7)));
  EXPECT_THAT(Parse<TokenSequences>("")->sequences, IsEmpty());
}

TEST(TokenSequences, AreRefusedIfOneIsEmptyOrNoTokens) {
  for (const char* text : {"/", "1/", "/1", "1//2", "1/x", "1;2"}) {
    EXPECT_FALSE(Parse<TokenSequences>(text)) << text;
  }
}

TEST(LogitBiases, ArePairsOfATokenAndANumber) {
  EXPECT_THAT(Parse<LogitBiases>("5:1.5,7:-2e3")->biases,
              ElementsAre(Pair(5, 1.5), Pair(7, -2000)));
  EXPECT_THAT(Parse<LogitBiases>("")->biases, IsEmpty());
}

TEST(LogitBiases, MayBeInfinite) {
  EXPECT_THAT(Parse<LogitBiases>("1:-inf 2:inf,3:-Infinity")->biases,
              ElementsAre(Pair(1, -kInfinity), Pair(2, kInfinity), Pair(3, -kInfinity)));
}

// 1e999 would be read as infinity, which rules out every other token.
TEST(LogitBiases, AreRefusedUnlessEachFitsAndHasAColon) {
  for (const char* text : {"5", "5:", ":1", "5:x", "x:1", "5:1:2", "5=1", "5: 1", "5:1e999"}) {
    EXPECT_FALSE(Parse<LogitBiases>(text)) << text;
  }
}

TEST(FlagTypes, WriteWhatTheyRead) {
  EXPECT_EQ(AbslUnparseFlag(*Parse<TokenIds>("1, 2")), "1,2");
  EXPECT_EQ(AbslUnparseFlag(*Parse<TokenSequences>("1 2/3")), "1,2/3");
  EXPECT_EQ(AbslUnparseFlag(*Parse<LogitBiases>("1:0.5,2:-inf")), "1:0.5,2:-inf");
  EXPECT_EQ(AbslUnparseFlag(TokenIds()), "");
}

}  // namespace
}  // namespace boltzmann::client
