#include "client/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace boltzmann::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string Join(const std::vector<std::string>& tokens) {
  Detokenizer detokenizer;
  std::string text;
  for (const std::string& token : tokens) text += detokenizer.Append(token);
  return text;
}

TEST(Tokenize, SplitsWordsAndPunctuation) {
  EXPECT_THAT(Tokenize("Hello, world! (Again.)"),
              ElementsAre("Hello", ",", "world", "!", "(", "Again", ".", ")"));
}

TEST(Tokenize, KeepsApostrophesHyphensAndStopsInsideWords) {
  EXPECT_THAT(Tokenize("don't third-party 2.1 don\u2019t gnu.org."),
              ElementsAre("don't", "third-party", "2.1", "don\u2019t", "gnu.org", "."));
}

TEST(Tokenize, TakesBlankLinesAsOneBreakAndOtherSpaceAsNothing) {
  EXPECT_THAT(Tokenize("one\ntwo\n \n\n three\t\ffour\r\n\r\nfive"),
              ElementsAre("one", "two", "\n\n", "three", "four", "\n\n", "five"));
}

TEST(Tokenize, TakesRepeatedPunctuationAsOneTokenButBracketsAndQuotesSingly) {
  EXPECT_THAT(Tokenize("a -- b ... ((c)) \"\""),
              ElementsAre("a", "--", "b", "...", "(", "(", "c", ")", ")", "\"", "\""));
}

TEST(Tokenize, KnowsUtf8LettersQuotesAndSpaces) {
  EXPECT_THAT(Tokenize("\u201cna\u00efve\u201d\u00a0\u2014 \u65e5\u672c"),
              ElementsAre("\u201c", "na\u00efve", "\u201d", "\u2014", "\u65e5\u672c"));
}

TEST(Tokenize, LosesNoByteOfBrokenUtf8) {
  std::string joined;
  for (const std::string& token : Tokenize("ab\xff(\xc3")) joined += token;
  EXPECT_EQ(joined, "ab\xff(\xc3");
}

TEST(Tokenize, GivesNothingForNothing) {
  EXPECT_THAT(Tokenize(""), IsEmpty());
  EXPECT_THAT(Tokenize(" \n "), IsEmpty());
}

TEST(Detokenizer, RestoresTextAsItIsWritten) {
  for (const char* text : {
           "You may copy, distribute and/or modify it (see section 2.1); that's all.",
           "He said \"yes\" and \"no\", then left.",
           "the `Program' is free: see <https://www.gnu.org/licenses/>.",
           "They wrote \u201cFree\u201d \u2014 and it isn\u2019t [yet].",
           "Wait... 100% of $5 -- done!",
           "write to someone@example.org",
           "It's 'quoted' twice.",
           "First paragraph.\n\n\"Second\" one.\n\n(Third)",
       }) {
    EXPECT_EQ(Join(Tokenize(text)), text);
  }
}

TEST(Detokenizer, ForgetsOpenQuotesAtAParagraphBreak) {
  EXPECT_EQ(Join({"a", "\"", "b", "\n\n", "\"", "c", "\""}), "a \"b\n\n\"c\"");
}

TEST(Detokenizer, GivesEachPieceAsItComes) {
  Detokenizer detokenizer;
  EXPECT_EQ(detokenizer.Append("One"), "One");
  EXPECT_EQ(detokenizer.Append("two"), " two");
  EXPECT_EQ(detokenizer.Append("("), " (");
  EXPECT_EQ(detokenizer.Append("three"), "three");
  EXPECT_EQ(detokenizer.Append(")"), ")");
  EXPECT_EQ(detokenizer.Append("\n\n"), "\n\n");
  EXPECT_EQ(detokenizer.Append("Four"), "Four");
}

}  // namespace
}  // namespace boltzmann::client
