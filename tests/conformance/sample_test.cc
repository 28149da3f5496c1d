// What a row's parameters mean, by tables that can be checked by eye.
#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/door.h"
#include "tests/conformance/requests.h"

namespace boltzmann::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::FloatNear;
using testing::IsEmpty;
using testing::Pointwise;
using testing::SizeIs;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

class SampleCases : public Conformance {
 protected:
  // Tokens 0 to 3 with the probabilities .1 .2 .3 .4.
  static v1::SampleRequest FourTokens() {
    return FullRequest({std::log(.1f), std::log(.2f), std::log(.3f), std::log(.4f)});
  }
  static std::vector<int> Kept(const v1::RowResult& result) {
    return {result.top_sampled().token_ids().begin(), result.top_sampled().token_ids().end()};
  }
  static std::vector<float> Exp(const google::protobuf::RepeatedField<float>& logprobs) {
    std::vector<float> probabilities;
    for (float logprob : logprobs) probabilities.push_back(std::exp(logprob));
    return probabilities;
  }
};

TEST_P(SampleCases, DefaultsKeepEveryTokenAtTheModelsProbability) {
  const v1::RowResult result = SampleOne(FourTokens());
  EXPECT_EQ(result.status(), v1::ROW_STATUS_OK);
  EXPECT_THAT(result.message(), IsEmpty());
  EXPECT_EQ(result.seed(), 7);
  EXPECT_EQ(result.kept_count(), 4);
  EXPECT_EQ(result.kept_mass(), 1);
  EXPECT_THAT(Exp(result.named().sampled_logprobs()),
              Pointwise(FloatNear(1e-6f), {.1f, .2f, .3f, .4f}));
  EXPECT_THAT(result.top_model().token_ids(), ElementsAre(3, 2, 1, 0));
  EXPECT_THAT(result.top_model().ranks(), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(result.drawn().token_ids(), SizeIs(1));
}

TEST_P(SampleCases, TopPKeepsTheTokenThatCrossesAndNoMore) {
  v1::SampleRequest request = FourTokens();
  request.add_params()->set_top_p(.6);
  const v1::RowResult result = SampleOne(request);
  EXPECT_THAT(Kept(result), ElementsAre(3, 2));
  EXPECT_THAT(result.kept_mass(), FloatNear(.7f, 1e-6f));
  EXPECT_THAT(Exp(result.named().sampled_logprobs()),
              Pointwise(FloatNear(1e-6f), {0.f, 0.f, 3 / 7.f, 4 / 7.f}));
}

TEST_P(SampleCases, MinPIsRelativeToTheLargest) {
  v1::SampleRequest request = FourTokens();
  request.add_params()->set_min_p(.49);
  EXPECT_THAT(Kept(SampleOne(request)), ElementsAre(3, 2, 1));
}

TEST_P(SampleCases, TopPIsRelativeToWhatTopKLeft) {
  // Of the .3 and .4 that are left, .4 is 57 %: enough for .5, though not of the whole.
  v1::SampleRequest request = FourTokens();
  request.add_params()->set_top_k(2);
  request.mutable_params(0)->set_top_p(.5);
  EXPECT_THAT(Kept(SampleOne(request)), ElementsAre(3));
}

TEST_P(SampleCases, TopKKeepsTheLowerIdsOfATie) {
  v1::SampleRequest request = FullRequest({1, 2, 2, 2, 0});
  request.add_params()->set_top_k(2);
  const v1::RowResult result = SampleOne(request);
  EXPECT_THAT(Kept(result), ElementsAre(1, 2));
  EXPECT_THAT(result.named().ranks(), ElementsAre(4, 1, 1, 1, 5));
}

TEST_P(SampleCases, AThousandEqualTokensAtTopPThreeTenthsLeaveThreeHundred) {
  v1::SampleRequest request = FullRequest(std::vector<float>(1000, 3.5f));
  request.add_params()->set_top_p(.3);
  EXPECT_EQ(SampleOne(request).kept_count(), 300);
}

TEST_P(SampleCases, TemperatureZeroAndTopKOneTakeTheFirstOfATie) {
  for (const bool by_temperature : {true, false}) {
    v1::SampleRequest request = FullRequest({0, 5, 5, 4});
    by_temperature ? request.add_params()->set_temperature(0) : request.add_params()->set_top_k(1);
    const v1::RowResult result = SampleOne(request);
    EXPECT_THAT(result.drawn().token_ids(), ElementsAre(1));
    EXPECT_THAT(result.drawn().sampled_logprobs(), ElementsAre(0));
    EXPECT_THAT(result.drawn().model_logprobs(), ElementsAre(FloatNear(-.8648f, 1e-4f)));
    EXPECT_EQ(result.sampled_entropy(), 0);
    EXPECT_EQ(result.kept_count(), 1);
  }
}

TEST_P(SampleCases, MinusInfinityIsNeverDrawnOrKept) {
  v1::SampleRequest request = FullRequest({-kInf, 0, -kInf, 0});
  request.mutable_rows(0)->set_draw_count(200);
  const v1::RowResult result = SampleOne(request);
  EXPECT_EQ(result.kept_count(), 2);
  EXPECT_THAT(result.drawn().token_ids(), Each(testing::AnyOf(1, 3)));
  EXPECT_THAT(result.named().model_logprobs(),
              ElementsAre(-kInf, FloatNear(-.693f, 1e-3f), -kInf, FloatNear(-.693f, 1e-3f)));
  EXPECT_THAT(result.top_model().token_ids(), ElementsAre(1, 3, 0, 2));
  EXPECT_THAT(Kept(result), ElementsAre(1, 3));
}

TEST_P(SampleCases, BadRowsHaveTheirOwnStatusAndSpareTheirNeighbours) {
  v1::SampleRequest request =
      RequestOf({{0, 1}, {0, kNan}, {kInf, 0}, {kInf, kNan}, {-kInf, -kInf}, {0, 1}});
  for (int i = 0; i < 6; ++i) request.add_rows()->set_seed(11);
  request.mutable_rows(1)->set_draw_count(3);
  const auto response = Sample(request);
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(response->results_size(), 6);
  const auto row = [&](int i) { return response->results(i); };
  EXPECT_EQ(row(1).status(), v1::ROW_STATUS_NAN_LOGIT);
  EXPECT_EQ(row(1).message(), "the logit of token 1 is NaN");
  EXPECT_THAT(row(1).drawn().token_ids(), ElementsAre(-1, -1, -1));
  EXPECT_THAT(row(1).drawn().model_logprobs(), IsEmpty());
  EXPECT_EQ(row(2).status(), v1::ROW_STATUS_POSITIVE_INFINITY);
  EXPECT_EQ(row(2).message(), "the logit of token 0 is +infinity");
  EXPECT_EQ(row(3).status(), v1::ROW_STATUS_NAN_LOGIT);
  EXPECT_EQ(row(4).status(), v1::ROW_STATUS_NO_ALLOWED_TOKEN);
  EXPECT_THAT(row(4).drawn().token_ids(), ElementsAre(-1));
  EXPECT_EQ(row(0).status(), v1::ROW_STATUS_OK);
  EXPECT_EQ(row(0).SerializeAsString(), row(5).SerializeAsString());
}

TEST_P(SampleCases, LogprobModeChoosesTheColumns) {
  v1::SampleRequest request = FourTokens();
  const auto columns = [&](v1::LogprobMode mode) {
    request.mutable_outputs(0)->set_logprobs(mode);
    const v1::RowResult result = SampleOne(request);
    return std::pair(result.drawn().model_logprobs_size(), result.named().sampled_logprobs_size());
  };
  EXPECT_EQ(columns(v1::LOGPROB_MODE_NONE), std::pair(0, 0));
  EXPECT_EQ(columns(v1::LOGPROB_MODE_MODEL), std::pair(1, 0));
  EXPECT_EQ(columns(v1::LOGPROB_MODE_SAMPLED), std::pair(0, 4));
  EXPECT_EQ(columns(v1::LOGPROB_MODE_BOTH), std::pair(1, 4));
  EXPECT_EQ(columns(v1::LOGPROB_MODE_UNSPECIFIED), std::pair(1, 4));
}

TEST_P(SampleCases, NothingIsReportedThatWasNotAskedFor) {
  const v1::RowResult result = SampleOne(RequestOf({{0, 1, 2}}));
  EXPECT_THAT(result.drawn().ranks(), IsEmpty());
  EXPECT_FALSE(result.has_top_model());
  EXPECT_FALSE(result.has_top_sampled());
  EXPECT_FALSE(result.has_named());
  EXPECT_FALSE(result.has_model_entropy());
  EXPECT_FALSE(result.has_kept_count());
  EXPECT_FALSE(result.has_kept_mass());
}

TEST_P(SampleCases, AnUnsetSeedIsChosenAndNamedAndGivesTheSameTokensAgain) {
  v1::SampleRequest request = RequestOf({std::vector<float>(5000, 0)});
  request.add_rows()->set_draw_count(20);
  const v1::RowResult first = SampleOne(request);
  const v1::RowResult second = SampleOne(request);
  EXPECT_NE(first.seed(), second.seed());
  request.mutable_rows(0)->set_seed(first.seed());
  EXPECT_EQ(SampleOne(request).SerializeAsString(), first.SerializeAsString());
}

TEST_P(SampleCases, PositionAndDrawIndexMoveTheStream) {
  v1::SampleRequest request = RequestOf({std::vector<float>(50257, 0)});
  request.add_rows()->set_seed(3);
  request.mutable_rows(0)->set_draw_count(2);
  const v1::RowResult here = SampleOne(request);
  request.mutable_rows(0)->set_position(uint64_t{1} << 32);
  const v1::RowResult there = SampleOne(request);
  EXPECT_NE(here.drawn().token_ids(0), here.drawn().token_ids(1));
  EXPECT_NE(here.drawn().token_ids(0), there.drawn().token_ids(0));
}

TEST_P(SampleCases, OneEntryOfParamsAndOutputsServesEveryRow) {
  v1::SampleRequest request = RequestOf({{0, 9, 1}, {9, 0, 1}});
  request.add_params()->set_temperature(0);
  request.add_outputs()->set_logprobs(v1::LOGPROB_MODE_NONE);
  const auto response = Sample(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->results(0).drawn().token_ids(0), 1);
  EXPECT_EQ(response->results(1).drawn().token_ids(0), 0);
  EXPECT_EQ(response->results(1).drawn().model_logprobs_size(), 0);
}

TEST_P(SampleCases, RowsMayLieApartWithOrWithoutPaddingAfterTheLast) {
  const v1::SampleRequest packed = RequestOf({{0, 9, 1}, {9, 0, 1}});
  v1::SampleRequest request = packed;
  request.add_params()->set_temperature(0);
  request.mutable_logits()->set_row_stride_bytes(13);
  const std::string rows = packed.logits().inline_data();
  for (const char* tail : {"", "x"}) {
    request.mutable_logits()->set_inline_data(rows.substr(0, 12) + "x" + rows.substr(12) + tail);
    const auto response = Sample(request);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->results(0).drawn().token_ids(0), 1);
    EXPECT_EQ(response->results(1).drawn().token_ids(0), 0);
  }
}

TEST_P(SampleCases, TheThreeTypesOfTheSameLogitsGiveTheSameBits) {
  // Multiples of 1/8 below 16 in magnitude: bfloat16 has 8 bits for them.
  const auto answer = [&](v1::DataType type) {
    v1::SampleRequest request = MixedRequest(8, 1000, type, 5);
    const auto response = Sample(request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response->SerializeAsString();
  };
  const std::string expected = answer(v1::DATA_TYPE_FLOAT32);
  EXPECT_EQ(answer(v1::DATA_TYPE_FLOAT16), expected);
  EXPECT_EQ(answer(v1::DATA_TYPE_BFLOAT16), expected);
}

BOLTZMANN_AT_EVERY_DOOR(SampleCases);

}  // namespace
}  // namespace boltzmann::test
