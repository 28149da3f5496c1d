// Score, Verify and Describe: the shapes of their replies.
#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/door.h"
#include "tests/conformance/requests.h"

namespace boltzmann::test {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::FloatNear;
using testing::IsEmpty;
using testing::Pointwise;
using testing::SizeIs;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

class Methods : public Conformance {
 protected:
  // Tokens 0 to 3 with the probabilities .1 .2 .3 .4.
  static std::vector<float> FourTokens() {
    return {std::log(.1f), std::log(.2f), std::log(.3f), std::log(.4f)};
  }
};

TEST_P(Methods, ScoreTellsOfTheTokensNamedAndTheirMean) {
  v1::ScoreRequest request = ScoreRequestOf({FourTokens(), FourTokens()}, {1, 3});
  request.add_outputs()->set_ranks(true);
  const auto response = Score(request);
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(response->results_size(), 2);
  EXPECT_THAT(response->results(0).drawn().token_ids(), ElementsAre(1));
  EXPECT_THAT(response->results(0).drawn().ranks(), ElementsAre(3));
  EXPECT_THAT(response->results(1).drawn().model_logprobs(),
              ElementsAre(FloatNear(std::log(.4f), 1e-6f)));
  EXPECT_EQ(response->scored_row_count(), 2);
  EXPECT_THAT(response->mean_negative_log_likelihood(),
              DoubleNear(-(std::log(.2) + std::log(.4)) / 2, 1e-6));
  EXPECT_THAT(response->perplexity(), DoubleNear(1 / std::sqrt(.08), 1e-5));
  EXPECT_FALSE(response->has_temperature_fit());
}

TEST_P(Methods, ScoreLeavesOutRowsThatHaveNoAnswerAndSumsUpNoneOfNone) {
  const auto mixed = Score(ScoreRequestOf({{0, kNan}, {0, 0}}, {0, 0}));
  ASSERT_TRUE(mixed.ok()) << mixed.status();
  EXPECT_EQ(mixed->results(0).status(), v1::ROW_STATUS_NAN_LOGIT);
  EXPECT_THAT(mixed->results(0).drawn().token_ids(), ElementsAre(-1));
  EXPECT_EQ(mixed->scored_row_count(), 1);
  EXPECT_THAT(mixed->perplexity(), DoubleNear(2, 1e-6));
  const auto none = Score(ScoreRequestOf({{0, kNan}}, {0}));
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(none->scored_row_count(), 0);
  EXPECT_FALSE(none->has_mean_negative_log_likelihood());
  EXPECT_FALSE(none->has_perplexity());
}

TEST_P(Methods, ScoreSumsUpWhatTheRowsDoNotShow) {
  for (const v1::LogprobMode mode : {v1::LOGPROB_MODE_NONE, v1::LOGPROB_MODE_SAMPLED}) {
    v1::ScoreRequest request = ScoreRequestOf({FourTokens(), FourTokens()}, {1, 3});
    auto& hidden = *request.add_outputs();
    hidden.set_logprobs(mode);
    hidden.set_top_model_count(2);
    request.add_outputs();
    const auto response = Score(request);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_THAT(response->results(0).drawn().model_logprobs(), IsEmpty());
    EXPECT_THAT(response->results(0).top_model().model_logprobs(), IsEmpty());
    EXPECT_THAT(response->results(0).top_model().token_ids(), ElementsAre(3, 2));
    EXPECT_FALSE(response->results(0).has_top_sampled());
    EXPECT_THAT(response->results(1).drawn().model_logprobs(), SizeIs(1));
    EXPECT_THAT(response->perplexity(), DoubleNear(1 / std::sqrt(.08), 1e-5));
  }
}

TEST_P(Methods, VerifyWithoutDraftsAnswersAsSampleDoes) {
  v1::VerifyRequest request = VerifyRequestOf(FourTokens(), {{}, {}});
  v1::SampleRequest same;
  *same.mutable_logits() = request.logits();
  for (int i = 0; i < 2; ++i) {
    auto& state = *request.mutable_sequences(i)->mutable_state();
    state.set_seed(5 + i);
    state.set_position(9);
    *same.add_rows() = state;
  }
  const auto verified = Verify(request);
  const auto sampled = Sample(same);
  ASSERT_TRUE(verified.ok() && sampled.ok()) << verified.status() << sampled.status();
  ASSERT_EQ(verified->results_size(), 2);
  for (int i = 0; i < 2; ++i) {
    const v1::VerifyResult& result = verified->results(i);
    EXPECT_EQ(result.accepted_count(), 0);
    ASSERT_EQ(result.positions_size(), 1);
    EXPECT_EQ(result.positions(0).SerializeAsString(), sampled->results(i).SerializeAsString());
    EXPECT_THAT(result.token_ids(), ElementsAre(sampled->results(i).drawn().token_ids(0)));
  }
}

TEST_P(Methods, VerifyEmitsNothingForARowThatHasNoAnswer) {
  const auto response = Verify(VerifyRequestOf({0, kNan}, {{1}}));
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(response->results(0).positions_size(), 1);
  EXPECT_EQ(response->results(0).positions(0).status(), v1::ROW_STATUS_NAN_LOGIT);
  EXPECT_THAT(response->results(0).token_ids(), IsEmpty());
}

TEST_P(Methods, DescribeTurnsLogprobsIntoProbabilities) {
  v1::DescribeRequest request = DescribeRequestOf({FourTokens()});
  request.add_params()->set_top_k(2);
  request.set_top_count(3);
  request.set_all_tokens(true);
  const auto response = Describe(request);
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(response->descriptions_size(), 1);
  const v1::RowDescription& row = response->descriptions(0);
  EXPECT_EQ(row.status(), v1::ROW_STATUS_OK);
  EXPECT_THAT(row.model_probabilities(), Pointwise(FloatNear(1e-6f), {.1f, .2f, .3f, .4f}));
  EXPECT_THAT(row.sampled_probabilities(),
              Pointwise(FloatNear(1e-6f), {0.f, 0.f, 3 / 7.f, 4 / 7.f}));
  EXPECT_THAT(row.top_model().token_ids(), ElementsAre(3, 2, 1));
  EXPECT_THAT(row.top_sampled().token_ids(), ElementsAre(3, 2));
  EXPECT_THAT(row.top_sampled().model_probabilities(), Pointwise(FloatNear(1e-6f), {.4f, .3f}));
  EXPECT_EQ(row.kept_count(), 2);
  EXPECT_THAT(row.kept_mass(), FloatNear(.7f, 1e-6f));
  EXPECT_THAT(row.model_entropy(), FloatNear(1.8464f, 1e-4f));
  EXPECT_THAT(row.sampled_entropy(), FloatNear(.9852f, 1e-4f));
}

TEST_P(Methods, DescribeListsNothingThatWasNotAskedFor) {
  const auto response = Describe(DescribeRequestOf({FourTokens(), {0, 0, kNan, 0}}));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_FALSE(response->descriptions(0).has_top_model());
  EXPECT_FALSE(response->descriptions(0).has_top_sampled());
  EXPECT_THAT(response->descriptions(0).model_probabilities(), IsEmpty());
  const v1::RowDescription& bad = response->descriptions(1);
  EXPECT_EQ(bad.status(), v1::ROW_STATUS_NAN_LOGIT);
  EXPECT_EQ(bad.message(), "the logit of token 2 is NaN");
  EXPECT_EQ(bad.kept_count(), 0);
}

BOLTZMANN_AT_EVERY_DOOR(Methods);

}  // namespace
}  // namespace boltzmann::test
