// How rows are sampled: parameters, outputs, states.
#include <sys/random.h>

#include <algorithm>

#include "server/decode.h"

namespace boltzmann::server {
namespace {

void DecodeStages(const v1::SamplingParams& from, core::SamplingParams& to) {
  if (from.has_temperature()) to.temperature = from.temperature();
  to.min_p = from.min_p();
  to.top_k = from.top_k();
  if (from.has_top_p()) to.top_p = from.top_p();
  if (from.has_typical_p()) to.typical_p = from.typical_p();
  to.epsilon_cutoff = from.epsilon_cutoff();
  to.eta_cutoff = from.eta_cutoff();
  to.top_n_sigma = from.top_n_sigma();
  to.xtc_probability = from.xtc_probability();
  if (from.has_xtc_threshold()) to.xtc_threshold = from.xtc_threshold();
  to.dynamic_temperature_range = from.dynamic_temperature_range();
  if (from.has_dynamic_temperature_exponent()) {
    to.dynamic_temperature_exponent = from.dynamic_temperature_exponent();
  }
  to.mirostat = from.mirostat();
  if (from.has_mirostat_tau()) to.mirostat_tau = from.mirostat_tau();
  if (from.has_mirostat_eta()) to.mirostat_eta = from.mirostat_eta();
}

void DecodePenalties(const v1::SamplingParams& from, core::SamplingParams& to) {
  if (from.has_repetition_penalty()) to.repetition_penalty = from.repetition_penalty();
  to.frequency_penalty = from.frequency_penalty();
  to.presence_penalty = from.presence_penalty();
  to.dry_multiplier = from.dry_multiplier();
  if (from.has_dry_base()) to.dry_base = from.dry_base();
  if (from.has_dry_allowed_length()) to.dry_allowed_length = from.dry_allowed_length();
  to.dry_range = from.dry_range();
  to.no_repeat_ngram_size = from.no_repeat_ngram_size();
}

void DecodeTokenLists(const v1::SamplingParams& from, core::SamplingParams& to) {
  to.logit_bias_token_ids = SpanOf(from.logit_bias().token_ids());
  to.logit_biases = SpanOf(from.logit_bias().biases());
  to.allowed_token_ids = SpanOf(from.allowed_token_ids());
  to.banned_token_ids = SpanOf(from.banned_token_ids());
  to.min_tokens = from.min_tokens();
  to.stop_token_ids = SpanOf(from.stop_token_ids());
}

absl::Span<const core::TokenSequence> DecodeSequences(
    const google::protobuf::RepeatedPtrField<v1::TokenSequence>& from, const std::string& field,
    Decoding& decoding) {
  if (from.empty()) return {};
  std::vector<core::TokenSequence> to;
  to.reserve(from.size());
  for (const v1::TokenSequence& sequence : from) {
    RefuseUnknownFields(sequence, field, to.size(), decoding);
    to.push_back(SpanOf(sequence.token_ids()));
  }
  decoding.decoded.token_sequences.push_back(std::move(to));
  return decoding.decoded.token_sequences.back();
}

absl::Span<const core::Stage> DecodeOrder(
    const google::protobuf::RepeatedPtrField<std::string>& from, const std::string& path,
    Decoding& decoding) {
  if (from.empty()) return {};
  // A longer list has an unknown name or a repeat up to there already.
  const int count = std::min(from.size(), core::kStageCount + 1);
  const std::vector<std::string_view> names(from.begin(), from.begin() + count);
  std::vector<core::Stage> to;
  core::ParseFilterOrder(names, path, to, decoding.violations);
  decoding.decoded.filter_orders.push_back(std::move(to));
  return decoding.decoded.filter_orders.back();
}

core::SamplingParams DecodeOne(const v1::SamplingParams& from, const std::string& path,
                               Decoding& decoding) {
  RefuseUnknownFields(from, path, decoding);
  if (from.has_logit_bias()) {
    RefuseUnknownFields(from.logit_bias(), path + ".logit_bias", decoding);
  }
  core::SamplingParams to;
  DecodeStages(from, to);
  DecodePenalties(from, to);
  DecodeTokenLists(from, to);
  to.filter_order = DecodeOrder(from.filter_order(), path, decoding);
  to.banned_sequences =
      DecodeSequences(from.banned_sequences(), path + ".banned_sequences", decoding);
  to.dry_sequence_breakers =
      DecodeSequences(from.dry_sequence_breakers(), path + ".dry_sequence_breakers", decoding);
  core::Validate(to, decoding.shape.vocab_size, path, decoding.violations);
  return to;
}

core::OutputOptions DecodeOne(const v1::OutputOptions& from, const std::string& path,
                              Decoding& decoding) {
  RefuseUnknownFields(from, path, decoding);
  const v1::LogprobMode mode = from.logprobs();
  if (!v1::LogprobMode_IsValid(mode)) {
    decoding.Refuse(path + ".logprobs", std::to_string(mode) + " is not a LogprobMode");
  }
  core::OutputOptions to;
  to.model_logprobs = mode != v1::LOGPROB_MODE_NONE && mode != v1::LOGPROB_MODE_SAMPLED;
  to.sampled_logprobs = mode != v1::LOGPROB_MODE_NONE && mode != v1::LOGPROB_MODE_MODEL;
  to.ranks = from.ranks();
  to.entropy = from.entropy();
  to.kept_stats = from.kept_stats();
  to.top_model_count = from.top_model_count();
  to.top_sampled_count = from.top_sampled_count();
  to.named_token_ids = SpanOf(from.named_token_ids());
  core::Validate(to, decoding.shape.vocab_size, path, decoding.violations);
  return to;
}

// Decodes one entry after the other; none is one of defaults.
template <typename From, typename To>
void DecodeEach(const google::protobuf::RepeatedPtrField<From>& from, const std::string& field,
                std::vector<To>& to, Decoding& decoding) {
  to.reserve(std::max(1, from.size()));
  for (const From& entry : from) {
    to.push_back(DecodeOne(entry, Indexed(field, to.size()), decoding));
  }
  if (to.empty()) to.emplace_back();
}

}  // namespace

void DecodeParams(const google::protobuf::RepeatedPtrField<v1::SamplingParams>& from,
                  Decoding& decoding) {
  DecodeEach(from, "params", decoding.decoded.params, decoding);
}

void DecodeOutputs(const google::protobuf::RepeatedPtrField<v1::OutputOptions>& from,
                   Decoding& decoding) {
  DecodeEach(from, "outputs", decoding.decoded.outputs, decoding);
}

core::RowState DecodeState(const v1::RowState& from, const core::SamplingParams& params,
                           const std::string& path, Decoding& decoding) {
  RefuseUnknownFields(from, path, decoding);
  core::RowState to;
  to.seed = from.seed();
  if (!from.has_seed() && getentropy(&to.seed, sizeof(to.seed)) != 0) {
    decoding.Refuse(path + ".seed",
                    "is not set, and the system's random source is out of reach: send one");
  }
  to.position = from.position();
  if (from.has_draw_count()) to.draw_count = from.draw_count();
  to.prompt_token_ids = SpanOf(from.prompt_token_ids());
  to.output_token_ids = SpanOf(from.output_token_ids());
  if (from.has_allowed_token_mask()) to.allowed_token_mask = BytesOf(from.allowed_token_mask());
  if (from.has_mirostat_mu()) to.mirostat_mu = from.mirostat_mu();
  core::Validate(to, params, decoding.shape.vocab_size, path, decoding.violations);
  return to;
}

absl::Span<const std::byte> BytesOf(const std::string& bytes) {
  return {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()};
}

}  // namespace boltzmann::server
