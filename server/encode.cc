// Results on their way out.
#include "server/convert.h"

namespace boltzmann::server {
namespace {

void EncodeTable(const core::TokenTable& from, v1::TokenTable& to) {
  to.mutable_token_ids()->Add(from.token_ids.begin(), from.token_ids.end());
  to.mutable_model_logprobs()->Add(from.model_logprobs.begin(), from.model_logprobs.end());
  to.mutable_sampled_logprobs()->Add(from.sampled_logprobs.begin(), from.sampled_logprobs.end());
  to.mutable_ranks()->Add(from.ranks.begin(), from.ranks.end());
}

v1::RowStatus EncodeStatus(core::RowStatus status) {
  switch (status) {
    case core::RowStatus::kOk:
      return v1::ROW_STATUS_OK;
    case core::RowStatus::kNanLogit:
      return v1::ROW_STATUS_NAN_LOGIT;
    case core::RowStatus::kPositiveInfinity:
      return v1::ROW_STATUS_POSITIVE_INFINITY;
    case core::RowStatus::kNoAllowedToken:
      return v1::ROW_STATUS_NO_ALLOWED_TOKEN;
    case core::RowStatus::kCandidatesExhausted:
      return v1::ROW_STATUS_CANDIDATES_EXHAUSTED;
    case core::RowStatus::kInvalidDraft:
      return v1::ROW_STATUS_INVALID_DRAFT;
    case core::RowStatus::kLogitsChanged:
      return v1::ROW_STATUS_LOGITS_CHANGED;
  }
  return v1::ROW_STATUS_UNSPECIFIED;
}

void EncodeRow(const core::RowRequest& request, const core::RowResult& from, v1::RowResult& to) {
  to.set_status(EncodeStatus(from.status));
  to.set_message(core::Explain(from));
  to.set_seed(request.state.seed);
  EncodeTable(from.drawn, *to.mutable_drawn());
  if (!core::IsAnswered(from.status)) return;
  const core::OutputOptions& outputs = *request.outputs;
  if (outputs.top_model_count > 0) EncodeTable(from.top_model, *to.mutable_top_model());
  if (outputs.top_sampled_count > 0) EncodeTable(from.top_sampled, *to.mutable_top_sampled());
  if (!outputs.named_token_ids.empty()) EncodeTable(from.named, *to.mutable_named());
  if (from.model_entropy) to.set_model_entropy(*from.model_entropy);
  if (from.sampled_entropy) to.set_sampled_entropy(*from.sampled_entropy);
  if (from.kept_count) to.set_kept_count(*from.kept_count);
  if (from.kept_mass) to.set_kept_mass(*from.kept_mass);
  if (from.mirostat_mu) to.set_mirostat_mu(*from.mirostat_mu);
}

void EncodeRows(const core::Batch& batch, google::protobuf::RepeatedPtrField<v1::RowResult>& to) {
  to.Reserve(static_cast<int>(batch.rows.size()));
  for (size_t i = 0; i < batch.rows.size(); ++i) {
    EncodeRow(batch.rows[i], batch.results.rows()[i], *to.Add());
  }
}

void ClearModelLogprobs(v1::RowResult& row) {
  row.mutable_drawn()->clear_model_logprobs();
  if (row.has_top_model()) row.mutable_top_model()->clear_model_logprobs();
  if (row.has_top_sampled()) row.mutable_top_sampled()->clear_model_logprobs();
  if (row.has_named()) row.mutable_named()->clear_model_logprobs();
}

void EncodeSummary(const core::ScoreSummary& from, v1::ScoreResponse& to) {
  to.set_scored_row_count(from.row_count);
  if (from.row_count == 0) return;
  to.set_mean_negative_log_likelihood(from.mean_negative_log_likelihood);
  to.set_perplexity(from.perplexity);
}

void EncodeFit(const core::TemperatureFit& from, v1::TemperatureFit& to) {
  to.set_temperature(from.temperature);
  to.set_at_limit(from.at_limit);
  to.set_negative_log_likelihood_before(from.negative_log_likelihood_before);
  to.set_negative_log_likelihood_after(from.negative_log_likelihood_after);
  to.set_expected_calibration_error_before(from.expected_calibration_error_before);
  to.set_expected_calibration_error_after(from.expected_calibration_error_after);
}

// The sequence whose rows begin at `first_row`.
void EncodeSequence(const core::Batch& batch, size_t first_row, uint32_t accepted_count,
                    v1::VerifyResult& to) {
  to.set_accepted_count(accepted_count);
  for (size_t row = first_row; row <= first_row + accepted_count; ++row) {
    const core::RowResult& result = batch.results.rows()[row];
    EncodeRow(batch.rows[row], result, *to.add_positions());
    if (core::IsAnswered(result.status)) to.add_token_ids(result.drawn.token_ids[0]);
  }
}

void EncodeProbabilities(absl::Span<const float> logprobs,
                         google::protobuf::RepeatedField<float>& to) {
  to.Reserve(static_cast<int>(logprobs.size()));
  for (float logprob : logprobs) to.AddAlreadyReserved(core::Probability(logprob));
}

void EncodeProbabilities(const core::TokenTable& from, v1::ProbabilityTable& to) {
  to.mutable_token_ids()->Add(from.token_ids.begin(), from.token_ids.end());
  EncodeProbabilities(from.model_logprobs, *to.mutable_model_probabilities());
  EncodeProbabilities(from.sampled_logprobs, *to.mutable_sampled_probabilities());
}

void EncodeStage(const core::StageReport& from, v1::StageReport& to) {
  to.set_stage(from.name);
  to.set_token_count(from.token_count);
  to.set_mass(from.mass);
  to.set_entropy(from.entropy);
  to.set_temperature(from.temperature);
}

void EncodeDescription(const core::RowRequest& request, const core::RowResult& from,
                       v1::RowDescription& to) {
  to.set_status(EncodeStatus(from.status));
  to.set_message(core::Explain(from));
  if (!core::IsAnswered(from.status)) return;
  to.set_model_entropy(from.model_entropy.value_or(0));
  to.set_sampled_entropy(from.sampled_entropy.value_or(0));
  to.set_kept_count(from.kept_count.value_or(0));
  to.set_kept_mass(from.kept_mass.value_or(0));
  for (const core::StageReport& stage : from.stages) EncodeStage(stage, *to.add_stages());
  if (request.outputs->top_model_count > 0) {
    EncodeProbabilities(from.top_model, *to.mutable_top_model());
    EncodeProbabilities(from.top_sampled, *to.mutable_top_sampled());
  }
  EncodeProbabilities(from.named.model_logprobs, *to.mutable_model_probabilities());
  EncodeProbabilities(from.named.sampled_logprobs, *to.mutable_sampled_probabilities());
}

}  // namespace

void Encode(const DecodedRequest& decoded, v1::SampleResponse& response) {
  EncodeRows(decoded.batch, *response.mutable_results());
}

void Encode(const DecodedRequest& decoded, v1::StreamSampleResponse& response) {
  Encode(decoded, *response.mutable_response());
}

void Encode(const DecodedRequest& decoded, v1::ScoreResponse& response) {
  const core::Results& results = decoded.batch.results;
  EncodeRows(decoded.batch, *response.mutable_results());
  for (int i = 0; i < response.results_size(); ++i) {
    const auto& hides = decoded.hides_model_logprobs;
    if (hides[hides.size() == 1 ? 0 : i]) ClearModelLogprobs(*response.mutable_results(i));
  }
  EncodeSummary(core::Summarize(results.rows()), response);
  if (results.temperature_fit) {
    EncodeFit(*results.temperature_fit, *response.mutable_temperature_fit());
  }
}

void Encode(const DecodedRequest& decoded, v1::VerifyResponse& response) {
  const core::Batch& batch = decoded.batch;
  for (size_t i = 0; i < batch.sequences.size(); ++i) {
    EncodeSequence(batch, batch.sequences[i].first_row, batch.results.accepted_counts[i],
                   *response.add_results());
  }
}

void Encode(const DecodedRequest& decoded, v1::DescribeResponse& response) {
  const core::Batch& batch = decoded.batch;
  for (size_t i = 0; i < batch.rows.size(); ++i) {
    EncodeDescription(batch.rows[i], batch.results.rows()[i], *response.add_descriptions());
  }
}

}  // namespace boltzmann::server
