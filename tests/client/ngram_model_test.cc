#include "client/ngram_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"

namespace boltzmann::client {
namespace {

NgramModel Learn(const std::string& text) {
  const std::vector<std::string> words = absl::StrSplit(text, ' ');
  return NgramModel(words);
}

std::vector<int32_t> Ids(const NgramModel& model, const std::string& text) {
  std::vector<int32_t> ids;
  for (const std::string& word : std::vector<std::string>(absl::StrSplit(text, ' '))) {
    ids.push_back(model.Find(word).value());
  }
  return ids;
}

std::vector<float> Logits(const NgramModel& model, const std::vector<int32_t>& context) {
  std::vector<float> logits(model.vocab_size());
  model.Logits(context, absl::MakeSpan(logits));
  return logits;
}

double Probability(const NgramModel& model, const std::string& context, const std::string& word) {
  const std::vector<int32_t> ids = context.empty() ? std::vector<int32_t>() : Ids(model, context);
  return std::exp(double{Logits(model, ids)[model.Find(word).value()]});
}

std::string MostLikely(const NgramModel& model, const std::string& context) {
  const std::vector<float> logits = Logits(model, Ids(model, context));
  return model.Word(
      static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
}

TEST(NgramModel, NumbersWordsInTheOrderOfTheirFirstAppearance) {
  const NgramModel model = Learn("b a b c");
  EXPECT_EQ(model.vocab_size(), 3);
  EXPECT_EQ(model.Word(0), "b");
  EXPECT_EQ(model.Word(2), "c");
  EXPECT_EQ(model.Find("a"), 1);
  EXPECT_EQ(model.Find("d"), std::nullopt);
}

// Worked by hand. Of the four words of "a b a c", three are different:
// p(a) = (2 + 3 * 1/3) / (4 + 3) = 3/7, p(b) = p(c) = (1 + 1) / 7 = 2/7.
// After a came b and c, once each: p(b | a) = (1 + 2 * 2/7) / (2 + 2) = 11/28,
// p(a | a) = (0 + 2 * 3/7) / 4 = 6/28. After b came only a: p(a | b) = (1 + 1 * 3/7) / 2 = 5/7.
// After "a b" came only a: p(a | a b) = (1 + 5/7) / 2 = 6/7.
TEST(NgramModel, HasTheProbabilitiesOfWittenAndBell) {
  const NgramModel model = Learn("a b a c");
  EXPECT_NEAR(Probability(model, "", "a"), 3.0 / 7, 1e-6);
  EXPECT_NEAR(Probability(model, "", "b"), 2.0 / 7, 1e-6);
  EXPECT_NEAR(Probability(model, "a", "b"), 11.0 / 28, 1e-6);
  EXPECT_NEAR(Probability(model, "a", "a"), 6.0 / 28, 1e-6);
  EXPECT_NEAR(Probability(model, "b", "a"), 5.0 / 7, 1e-6);
  EXPECT_NEAR(Probability(model, "a b", "a"), 6.0 / 7, 1e-6);
}

TEST(NgramModel, FallsBackToTheLongestHistoryThatItKnows) {
  const NgramModel model = Learn("a b a c");
  EXPECT_NEAR(Probability(model, "c c b", "a"), 5.0 / 7, 1e-6);  // "c b" was never seen
  EXPECT_NEAR(Probability(model, "c", "a"), 3.0 / 7, 1e-6);      // nothing follows c
}

TEST(NgramModel, GoesByTheLastThreeWordsOnly) {
  const NgramModel model = Learn("x a b c d y a b c e");
  EXPECT_EQ(Probability(model, "x a b c", "d"), Probability(model, "y a b c", "d"));
  EXPECT_NE(Probability(model, "a b c", "d"), Probability(model, "b c", "d"));
}

TEST(NgramModel, FavoursTheMostFrequentContinuation) {
  const NgramModel model = Learn("to be or not to be or not to see , so be it");
  EXPECT_EQ(MostLikely(model, "not to"), "be");
  EXPECT_EQ(MostLikely(model, "to be"), "or");
  EXPECT_EQ(MostLikely(model, "so"), "be");
  EXPECT_EQ(MostLikely(model, "so be"), "it");
}

TEST(NgramModel, GivesEveryWordAFiniteLogitAndASumOfOne) {
  const NgramModel model = Learn("the cat sat on the mat and the dog sat on the cat and so on");
  for (const char* context : {"the", "cat sat", "sat on the", "so so so", "on the dog"}) {
    double sum = 0;
    for (const float logit : Logits(model, Ids(model, context))) {
      EXPECT_TRUE(std::isfinite(logit));
      sum += std::exp(double{logit});
    }
    EXPECT_NEAR(sum, 1, 1e-6) << context;
  }
}

}  // namespace
}  // namespace boltzmann::client
