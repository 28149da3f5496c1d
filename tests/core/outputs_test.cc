// What is listed and reported, and what is not.
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/agreement.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::IsEmpty;

// softmax of {2, 1, 0.1}, a figure that many lessons print.
Row LessonRow() { return {.logits = Encoded({2.0f, 1.0f, 0.1f}), .state = {.seed = 3}}; }

TEST(Outputs, OfADefaultRowAreItsTokenWithBothLogprobs) {
  const Row row = LessonRow();
  const Sampled sampled(SharedEngine(), row);
  const core::RowResult& r = sampled[0];
  EXPECT_EQ(r.drawn.token_ids.size(), 1u);
  EXPECT_EQ(r.drawn.model_logprobs.size(), 1u);
  EXPECT_EQ(r.drawn.sampled_logprobs.size(), 1u);
  EXPECT_THAT(r.drawn.ranks, IsEmpty());
  EXPECT_THAT(r.top_model.token_ids, IsEmpty());
  EXPECT_THAT(r.top_sampled.token_ids, IsEmpty());
  EXPECT_THAT(r.named.token_ids, IsEmpty());
  EXPECT_FALSE(r.model_entropy || r.sampled_entropy || r.kept_count || r.kept_mass);
}

TEST(Outputs, HaveExactlyTheColumnsThatWereAskedFor) {
  for (int bits = 0; bits < 32; ++bits) {
    Row row = LessonRow();
    row.outputs = {.model_logprobs = (bits & 1) != 0,
                   .sampled_logprobs = (bits & 2) != 0,
                   .ranks = (bits & 4) != 0,
                   .entropy = (bits & 8) != 0,
                   .kept_stats = (bits & 16) != 0,
                   .top_model_count = 3,
                   .top_sampled_count = 3,
                   .named_token_ids = {}};
    row.named = {1, 1, 0};
    for (double temperature : {0.0, 0.7, 1.0}) {
      row.params.temperature = temperature;
      ExpectAgreement(row);
    }
  }
}

TEST(Outputs, ListMinusInfinityInTheModelsOrderButNotInTheSampledOne) {
  Row row{.logits = Encoded({-kInf, 1.0f, -kInf, 2.0f})};
  row.outputs = AskAll(4);
  const Sampled sampled(SharedEngine(), row);
  const core::RowResult& r = sampled[0];
  EXPECT_THAT(r.top_model.token_ids, ElementsAre(3, 1, 0, 2));
  EXPECT_EQ(r.top_model.model_logprobs[2], -kInf);
  EXPECT_EQ(r.top_model.sampled_logprobs[3], -kInf);
  EXPECT_THAT(r.top_model.ranks, ElementsAre(1, 2, 3, 3));
  EXPECT_THAT(r.top_sampled.token_ids, ElementsAre(3, 1));
  EXPECT_THAT(r.top_sampled.sampled_logprobs, testing::SizeIs(2));
  EXPECT_EQ(*r.kept_count, 2u);
  EXPECT_EQ(*r.kept_mass, 1.0f);
}

TEST(Outputs, ListTheFirstTokensOnly) {
  Row row{.logits = Encoded({1, 5, 3, 4, 2})};
  row.outputs.top_model_count = 2;
  row.outputs.top_sampled_count = 3;
  const Sampled sampled(SharedEngine(), row);
  EXPECT_THAT(sampled[0].top_model.token_ids, ElementsAre(1, 3));
  EXPECT_THAT(sampled[0].top_sampled.token_ids, ElementsAre(1, 3, 2));
}

TEST(Outputs, NameTokensInTheOrderAskedForWithRepeats) {
  Row row = LessonRow();
  row.params.top_k = 2;
  row.outputs.ranks = true;
  row.named = {2, 0, 2, 1};
  const Sampled sampled(SharedEngine(), row);
  const core::TokenTable& named = sampled[0].named;
  EXPECT_THAT(named.token_ids, ElementsAre(2, 0, 2, 1));
  EXPECT_THAT(named.ranks, ElementsAre(3, 1, 3, 2));
  EXPECT_THAT(named.model_logprobs,
              ElementsAre(FloatNear(-2.3170f, 1e-4f), FloatNear(-.4170f, 1e-4f),
                          FloatNear(-2.3170f, 1e-4f), FloatNear(-1.4170f, 1e-4f)));
  EXPECT_THAT(named.sampled_logprobs,
              ElementsAre(-kInf, FloatNear(-.3133f, 1e-4f), -kInf, FloatNear(-1.3133f, 1e-4f)));
}

TEST(Outputs, RankTiedTokensAlikeAndSkipTheirNumber) {
  Row row{.logits = Encoded({1, 2, 2, -0.0f, 0.0f, 2, -kInf, -kInf})};
  row.outputs = AskAll(8);
  row.named = AllTokens(8);
  const Sampled sampled(SharedEngine(), row);
  EXPECT_THAT(sampled[0].named.ranks, ElementsAre(4, 1, 1, 5, 5, 1, 7, 7));
  EXPECT_THAT(sampled[0].top_model.token_ids, ElementsAre(1, 2, 5, 0, 3, 4, 6, 7));
}

TEST(Outputs, StateEntropiesInBits) {
  Row row{.logits = Encoded({7, 7, 7, 7, 7, 7, 7, 7})};
  row.params.top_k = 4;
  row.outputs = AskAll(8);
  const Sampled sampled(SharedEngine(), row);
  EXPECT_EQ(*sampled[0].model_entropy, 3.0f);
  EXPECT_EQ(*sampled[0].sampled_entropy, 2.0f);
  EXPECT_EQ(*sampled[0].kept_mass, 0.5f);
}

TEST(Outputs, CountTheTokensThatTheTablesMayList) {
  const Encoded logits({1, 2, 3});
  const core::SamplingParams params;
  const std::vector<int32_t> named = {0, 1};
  core::OutputOptions outputs = AskAll(3);
  outputs.named_token_ids = named;
  const core::RowRequest row = {logits.row(), &params, &outputs, {.draw_count = 5}};
  EXPECT_EQ(core::ListedTokens({&row, 1}), 5u + 3 + 3 + 2);
  const std::vector<core::RowRequest> rows(2, row);
  EXPECT_EQ(core::ListedTokens(rows), 2 * (5u + 3 + 3 + 2));
}

}  // namespace
}  // namespace boltzmann::test
