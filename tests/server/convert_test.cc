// That every field of a request lands where the core looks for it.
#include "server/convert.h"

#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "tests/conformance/parsed.h"
#include "tests/conformance/requests.h"

namespace boltzmann::test {
namespace {

using core::Stage;
using server::DecodedRequest;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kLastPosition = ~uint64_t{0};

// A request that must be valid, decoded.
template <typename Request>
class Valid : public Parsed<Request> {
 public:
  explicit Valid(const Request& sent) : Parsed<Request>(sent) {
    EXPECT_TRUE(this->status.ok()) << this->status;
  }
};

// A request with the parameters that this text stands for.
v1::SampleRequest RequestWith(const std::string& params) {
  v1::SampleRequest request = RequestOf({std::vector<float>(10, 0)});
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(params, request.add_params()));
  return request;
}

std::vector<std::byte> AsBytes(const std::string& text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

TEST(DecodedParams, AreTheCoresDefaultsWhereNothingIsSet) {
  const Valid valid(RequestWith(""));
  const core::SamplingParams& params = valid.decoded.params.front();
  const core::SamplingParams defaults;
  EXPECT_EQ(params.temperature, defaults.temperature);
  EXPECT_EQ(params.top_p, defaults.top_p);
  EXPECT_EQ(params.typical_p, defaults.typical_p);
  EXPECT_EQ(params.xtc_threshold, defaults.xtc_threshold);
  EXPECT_EQ(params.dynamic_temperature_exponent, defaults.dynamic_temperature_exponent);
  EXPECT_EQ(params.mirostat_tau, defaults.mirostat_tau);
  EXPECT_EQ(params.mirostat_eta, defaults.mirostat_eta);
  EXPECT_EQ(params.repetition_penalty, defaults.repetition_penalty);
  EXPECT_EQ(params.dry_base, defaults.dry_base);
  EXPECT_EQ(params.dry_allowed_length, defaults.dry_allowed_length);
  EXPECT_THAT(params.filter_order, IsEmpty());
  EXPECT_THAT(params.banned_sequences, IsEmpty());
}

TEST(DecodedParams, HoldTheNumbersOfEveryStage) {
  const Valid valid(RequestWith(
      "temperature: 0.5 min_p: 0.01 top_k: 7 top_p: 0.02 typical_p: 0.03 epsilon_cutoff: 0.04 "
      "eta_cutoff: 0.05 top_n_sigma: 6 xtc_probability: 0.07 xtc_threshold: 0.08 "
      "dynamic_temperature_range: 0.09 dynamic_temperature_exponent: 1.1 mirostat: 2 "
      "mirostat_tau: 1.2 mirostat_eta: 1.3"));
  const core::SamplingParams& params = valid.decoded.params.front();
  EXPECT_EQ(params.temperature, .5);
  EXPECT_EQ(params.min_p, .01);
  EXPECT_EQ(params.top_k, 7);
  EXPECT_EQ(params.top_p, .02);
  EXPECT_EQ(params.typical_p, .03);
  EXPECT_EQ(params.epsilon_cutoff, .04);
  EXPECT_EQ(params.eta_cutoff, .05);
  EXPECT_EQ(params.top_n_sigma, 6);
  EXPECT_EQ(params.xtc_probability, .07);
  EXPECT_EQ(params.xtc_threshold, .08);
  EXPECT_EQ(params.dynamic_temperature_range, .09);
  EXPECT_EQ(params.dynamic_temperature_exponent, 1.1);
  EXPECT_EQ(params.mirostat, 2);
  EXPECT_EQ(params.mirostat_tau, 1.2);
  EXPECT_EQ(params.mirostat_eta, 1.3);
}

TEST(DecodedParams, HoldTheNumbersOfEveryEdit) {
  const Valid valid(
      RequestWith("min_tokens: 3 stop_token_ids: 9 repetition_penalty: 1.4 frequency_penalty: 0.15 "
                  "presence_penalty: 0.16 dry_multiplier: 0.17 dry_base: 1.8 dry_allowed_length: 4 "
                  "dry_range: 5 no_repeat_ngram_size: 6"));
  const core::SamplingParams& params = valid.decoded.params.front();
  EXPECT_EQ(params.min_tokens, 3);
  EXPECT_EQ(params.repetition_penalty, 1.4);
  EXPECT_EQ(params.frequency_penalty, .15);
  EXPECT_EQ(params.presence_penalty, .16);
  EXPECT_EQ(params.dry_multiplier, .17);
  EXPECT_EQ(params.dry_base, 1.8);
  EXPECT_EQ(params.dry_allowed_length, 4);
  EXPECT_EQ(params.dry_range, 5);
  EXPECT_EQ(params.no_repeat_ngram_size, 6);
}

TEST(DecodedParams, HoldEveryListOfTokens) {
  const Valid valid(
      RequestWith("logit_bias { token_ids: [8, 1] biases: [-inf, 2.5] } allowed_token_ids: [1, 2] "
                  "banned_token_ids: 3 stop_token_ids: [4, 5] "
                  "banned_sequences { token_ids: [6, 7] } banned_sequences { token_ids: 8 } "
                  "dry_sequence_breakers { token_ids: [9, 0] }"));
  const core::SamplingParams& params = valid.decoded.params.front();
  EXPECT_THAT(params.logit_bias_token_ids, ElementsAre(8, 1));
  EXPECT_THAT(params.logit_biases, ElementsAre(-INFINITY, 2.5));
  EXPECT_THAT(params.allowed_token_ids, ElementsAre(1, 2));
  EXPECT_THAT(params.banned_token_ids, ElementsAre(3));
  EXPECT_THAT(params.stop_token_ids, ElementsAre(4, 5));
  EXPECT_THAT(params.banned_sequences, ElementsAre(ElementsAre(6, 7), ElementsAre(8)));
  EXPECT_THAT(params.dry_sequence_breakers, ElementsAre(ElementsAre(9, 0)));
}

TEST(DecodedParams, OfManyRowsKeepTheirOwnListsAndOrders) {
  v1::SampleRequest request = RequestOf(std::vector<std::vector<float>>(100, {0, 0, 0}));
  for (int i = 0; i < 100; ++i) {
    auto& params = *request.add_params();
    params.add_banned_sequences()->add_token_ids(i % 3);
    params.add_filter_order(i % 2 == 0 ? "top_k" : "mirostat");
    params.add_filter_order("temperature");
  }
  const Valid valid(request);
  const DecodedRequest& decoded = valid.decoded;
  for (int i = 0; i < 100; ++i) {
    const core::SamplingParams& params = *decoded.batch.rows[i].params;
    EXPECT_THAT(params.banned_sequences, ElementsAre(ElementsAre(i % 3)));
    EXPECT_THAT(params.filter_order,
                ElementsAre(i % 2 == 0 ? Stage::kTopK : Stage::kMirostat, Stage::kTemperature));
  }
}

TEST(DecodedRows, HoldHistoryMaskAndMirostatState) {
  v1::SampleRequest request = RequestOf({std::vector<float>(40, 0)});
  auto& state = *request.add_rows();
  state.set_seed(11);
  state.set_position(12);
  state.add_prompt_token_ids(30);
  state.add_output_token_ids(31);
  state.add_output_token_ids(32);
  state.set_allowed_token_mask("abcd");
  state.set_mirostat_mu(-1.5);
  const Valid valid(request);
  const DecodedRequest& decoded = valid.decoded;
  const core::RowState& row = decoded.batch.rows.front().state;
  EXPECT_EQ(row.seed, 11);
  EXPECT_EQ(row.position, 12);
  EXPECT_THAT(row.prompt_token_ids, ElementsAre(30));
  EXPECT_THAT(row.output_token_ids, ElementsAre(31, 32));
  ASSERT_TRUE(row.allowed_token_mask.has_value());
  EXPECT_THAT(*row.allowed_token_mask, testing::ElementsAreArray(AsBytes("abcd")));
  EXPECT_EQ(row.mirostat_mu, -1.5);
}

TEST(DecodedRows, WithoutMaskOrMirostatStateHaveNone) {
  const v1::SampleRequest request = RequestOf({{0, 1}});
  const Valid valid(request);
  const DecodedRequest& decoded = valid.decoded;
  EXPECT_FALSE(decoded.batch.rows.front().state.allowed_token_mask.has_value());
  EXPECT_FALSE(decoded.batch.rows.front().state.mirostat_mu.has_value());
  EXPECT_FALSE(decoded.batch.rows.front().candidates.has_value());
  EXPECT_FALSE(decoded.batch.rows.front().scored_token.has_value());
}

TEST(DecodedRows, OfSparseLogitsHoldTheirCandidates) {
  v1::SampleRequest request = SparseRequestOf({{1, 2, 3}, {4}});
  request.mutable_logits()->set_vocab_size(1000);
  request.mutable_logits()->mutable_sparse_rows()->mutable_rows(1)->set_log_sum_exp(7.5);
  const Valid valid(request);
  const DecodedRequest& decoded = valid.decoded;
  const auto& rows = decoded.batch.rows;
  EXPECT_EQ(rows[0].logits.vocab_size(), 3);
  EXPECT_EQ(rows[0].vocab_size(), 1000);
  EXPECT_EQ(rows[0].logits.At(0), 3);
  ASSERT_TRUE(rows[0].candidates && rows[1].candidates);
  EXPECT_THAT(rows[0].candidates->token_ids, ElementsAre(2, 1, 0));
  EXPECT_FALSE(rows[0].candidates->log_sum_exp.has_value());
  EXPECT_EQ(rows[1].logits.At(0), 4);
  EXPECT_EQ(rows[1].candidates->log_sum_exp, 7.5);
}

TEST(DecodedScores, HaveTheirTokensAndTheModelsLogprobs) {
  v1::ScoreRequest request = ScoreRequestOf({{1, 2, 3}, {1, 2, 3}}, {2, 0});
  request.add_outputs()->set_logprobs(v1::LOGPROB_MODE_SAMPLED);
  request.set_fit_temperature(true);
  const Valid valid(request);
  const DecodedRequest& decoded = valid.decoded;
  EXPECT_EQ(decoded.batch.rows[0].scored_token, 2);
  EXPECT_EQ(decoded.batch.rows[1].scored_token, 0);
  EXPECT_TRUE(decoded.batch.rows[0].outputs->model_logprobs);
  EXPECT_THAT(decoded.hides_model_logprobs, ElementsAre(true));
  EXPECT_TRUE(decoded.batch.fit_temperature);
}

TEST(DecodedDescriptions, AskForEveryFigure) {
  v1::DescribeRequest request = DescribeRequestOf({{1, 2, 3}});
  request.set_top_count(2);
  request.set_all_tokens(true);
  const Valid valid(request);
  const DecodedRequest& decoded = valid.decoded;
  const core::OutputOptions& outputs = *decoded.batch.rows.front().outputs;
  EXPECT_TRUE(outputs.entropy && outputs.kept_stats && outputs.stages);
  EXPECT_TRUE(outputs.model_logprobs && outputs.sampled_logprobs);
  EXPECT_EQ(outputs.top_model_count, 2);
  EXPECT_EQ(outputs.top_sampled_count, 2);
  EXPECT_THAT(outputs.named_token_ids, ElementsAre(0, 1, 2));
}

TEST(DecodedDrafts, ShareOutTheRowsAndMoveTheStateOnRowByRow) {
  v1::VerifyRequest request = VerifyRequestOf({1, 2, 3}, {{2, 0}, {}});
  auto& state = *request.mutable_sequences(0)->mutable_state();
  state.set_seed(5);
  state.set_position(kLastPosition);
  state.add_output_token_ids(1);
  state.set_allowed_token_mask("abcd");
  const Valid valid(request);
  const DecodedRequest& decoded = valid.decoded;
  ASSERT_EQ(decoded.batch.sequences.size(), 2);
  EXPECT_EQ(decoded.batch.sequences[0].first_row, 0);
  EXPECT_EQ(decoded.batch.sequences[1].first_row, 3);
  EXPECT_THAT(decoded.batch.sequences[1].drafts, IsEmpty());
  const auto& rows = decoded.batch.rows;
  ASSERT_EQ(rows.size(), 4);
  EXPECT_EQ(rows[0].state.position, kLastPosition);
  EXPECT_EQ(rows[1].state.position, 0);
  EXPECT_EQ(rows[2].state.position, 1);
  EXPECT_EQ(rows[2].state.seed, 5);
  EXPECT_THAT(rows[0].state.output_token_ids, ElementsAre(1));
  EXPECT_THAT(rows[1].state.output_token_ids, ElementsAre(1, 2));
  EXPECT_THAT(rows[2].state.output_token_ids, ElementsAre(1, 2, 0));
  EXPECT_TRUE(rows[2].state.allowed_token_mask.has_value());
  EXPECT_THAT(rows[3].state.output_token_ids, IsEmpty());
  EXPECT_FALSE(rows[3].state.allowed_token_mask.has_value());
}

TEST(DecodedDrafts, TakeParametersAndOutputsBySequence) {
  v1::VerifyRequest request = VerifyRequestOf({1, 2, 3}, {{2}, {}});
  for (int i = 0; i < 2; ++i) {
    request.add_params()->set_top_k(1 + i);
    request.add_outputs()->set_top_model_count(1 + i);
  }
  const Valid valid(request);
  const DecodedRequest& decoded = valid.decoded;
  const auto& rows = decoded.batch.rows;
  EXPECT_EQ(rows[0].params->top_k, 1);
  EXPECT_EQ(rows[1].params->top_k, 1);
  EXPECT_EQ(rows[2].params->top_k, 2);
  EXPECT_EQ(rows[1].outputs->top_model_count, 1);
  EXPECT_EQ(rows[2].outputs->top_model_count, 2);
}

TEST(DecodedDrafts, HaveAMaskAPositionInPlaceOfTheStates) {
  v1::VerifyRequest request = VerifyRequestOf({1, 2, 3}, {{2}});
  request.mutable_sequences(0)->mutable_state()->set_allowed_token_mask("abcd");
  request.mutable_sequences(0)->add_masks();
  request.mutable_sequences(0)->add_masks()->set_words("efgh");
  const Valid valid(request);
  const DecodedRequest& decoded = valid.decoded;
  EXPECT_FALSE(decoded.batch.rows[0].state.allowed_token_mask.has_value());
  ASSERT_TRUE(decoded.batch.rows[1].state.allowed_token_mask.has_value());
  EXPECT_THAT(*decoded.batch.rows[1].state.allowed_token_mask,
              testing::ElementsAreArray(AsBytes("efgh")));
}

TEST(DecodedDrafts, WithoutADistributionAreCertain) {
  const v1::VerifyRequest request = VerifyRequestOf({1, 2, 3}, {{2}});
  const Valid valid(request);
  const DecodedRequest& decoded = valid.decoded;
  const core::Draft& draft = decoded.batch.sequences[0].drafts[0];
  EXPECT_EQ(draft.token_id, 2);
  EXPECT_FALSE(draft.dense.has_value());
  EXPECT_THAT(draft.token_ids, IsEmpty());
}

TEST(DecodedDrafts, HoldDenseDistributionsRowByRow) {
  v1::VerifyRequest request = VerifyRequestOf({1, 2, 3}, {{2, 0}});
  auto& dense = *request.mutable_sequences(0)->mutable_dense_draft();
  dense.set_data_type(v1::DATA_TYPE_FLOAT32);
  dense.set_probabilities(Bytes(std::vector<float>{.25, .25, .5, 1, 0, 0}));
  const Valid valid(request);
  const DecodedRequest& decoded = valid.decoded;
  const auto drafts = decoded.batch.sequences[0].drafts;
  ASSERT_TRUE(drafts[0].dense && drafts[1].dense);
  EXPECT_EQ(drafts[0].dense->At(2), .5);
  EXPECT_EQ(drafts[1].dense->At(0), 1);
  EXPECT_EQ(drafts[1].dense->vocab_size(), 3);
}

TEST(DecodedDrafts, HoldSparseDistributions) {
  v1::VerifyRequest request = VerifyRequestOf({1, 2, 3}, {{2}});
  auto& sparse = *request.mutable_sequences(0)->add_sparse_draft();
  for (int id : {2, 0}) sparse.add_token_ids(id), sparse.add_probabilities(.5);
  const Valid valid(request);
  const DecodedRequest& decoded = valid.decoded;
  const core::Draft& draft = decoded.batch.sequences[0].drafts[0];
  EXPECT_THAT(draft.token_ids, ElementsAre(2, 0));
  EXPECT_THAT(draft.probabilities, ElementsAre(.5f, .5f));
}

}  // namespace
}  // namespace boltzmann::test
