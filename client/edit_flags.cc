#include "client/edit_flags.h"

#include <cstdint>
#include <optional>

#include "absl/flags/flag.h"
#include "client/flag_types.h"

using boltzmann::client::LogitBiases;
using boltzmann::client::TokenIds;
using boltzmann::client::TokenSequences;

ABSL_FLAG(LogitBiases, logit_bias, {},
          "Add to the logits of some tokens: ID:BIAS separated by commas, such as 5:1.5,7:-inf; "
          "-inf rules a token out, inf rules out all that have none. Unset adds nothing.");
ABSL_FLAG(TokenIds, allowed_token_ids, {},
          "Draw only these tokens: integers separated by commas. Unset allows all.");
ABSL_FLAG(TokenIds, banned_token_ids, {},
          "Never draw these tokens: integers separated by commas. Unset bans none.");
ABSL_FLAG(TokenSequences, banned_sequences, {},
          "Never complete these sequences: tokens separated by commas, sequences by slashes, such "
          "as 5,6/7. Unset bans none.");
ABSL_FLAG(std::optional<uint32_t>, min_tokens, std::nullopt,
          "Draw none of --stop_token_ids until this many tokens are generated: an integer >= 0. "
          "Unset means 0.");
ABSL_FLAG(TokenIds, stop_token_ids, {},
          "The tokens that end a text: integers separated by commas. `generate` ends a text with "
          "the first of them that is drawn; the server itself only holds them back until "
          "--min_tokens. Unset means none.");
ABSL_FLAG(std::optional<double>, repetition_penalty, std::nullopt,
          "Divide the logits above 0 of tokens in the history by this, multiply the others: a "
          "number > 0. Unset means 1, which is off.");
ABSL_FLAG(std::optional<double>, frequency_penalty, std::nullopt,
          "Lower a token's logit by this, times how often it was generated: a number in [-2, 2]. "
          "Unset means 0, which is off.");
ABSL_FLAG(std::optional<double>, presence_penalty, std::nullopt,
          "Lower a token's logit by this if it was generated: a number in [-2, 2]. Unset means 0, "
          "which is off.");
ABSL_FLAG(std::optional<double>, dry_multiplier, std::nullopt,
          "DRY, against loops: lower the logit of a token that continues a repetition by this, "
          "times a power that grows with its length: a number >= 0. Unset means 0, which is off.");
ABSL_FLAG(std::optional<double>, dry_base, std::nullopt,
          "The base of DRY's power: a number >= 1. Unset means 1.75.");
ABSL_FLAG(std::optional<uint32_t>, dry_allowed_length, std::nullopt,
          "The length of the shortest repetition that DRY works against: an integer >= 1. Unset "
          "means 2.");
ABSL_FLAG(std::optional<uint32_t>, dry_range, std::nullopt,
          "How many last tokens of the history DRY looks at: an integer >= 0; 0 means all. Unset "
          "means all.");
ABSL_FLAG(TokenSequences, dry_sequence_breakers, {},
          "What a repetition never reaches across for DRY: tokens separated by commas, sequences "
          "by slashes, such as 5,6/7. Unset means none.");
ABSL_FLAG(std::optional<uint32_t>, no_repeat_ngram_size, std::nullopt,
          "Draw no token that completes so many tokens in a row which the history already has: an "
          "integer >= 0; 0 is off. Unset is off.");

namespace boltzmann::client {
namespace {

void AddTokenIds(const TokenIds& flag, google::protobuf::RepeatedField<int32_t>& field) {
  field.Add(flag.ids.begin(), flag.ids.end());
}

void AddSequences(const TokenSequences& flag,
                  google::protobuf::RepeatedPtrField<v1::TokenSequence>& field) {
  for (const std::vector<int32_t>& ids : flag.sequences) {
    field.Add()->mutable_token_ids()->Add(ids.begin(), ids.end());
  }
}

void SetLogitBias(v1::SamplingParams& params) {
  for (const auto& [id, bias] : absl::GetFlag(FLAGS_logit_bias).biases) {
    params.mutable_logit_bias()->add_token_ids(id);
    params.mutable_logit_bias()->add_biases(bias);
  }
}

void SetLists(v1::SamplingParams& params) {
  AddTokenIds(absl::GetFlag(FLAGS_allowed_token_ids), *params.mutable_allowed_token_ids());
  AddTokenIds(absl::GetFlag(FLAGS_banned_token_ids), *params.mutable_banned_token_ids());
  AddSequences(absl::GetFlag(FLAGS_banned_sequences), *params.mutable_banned_sequences());
  if (const auto value = absl::GetFlag(FLAGS_min_tokens)) params.set_min_tokens(*value);
  AddTokenIds(absl::GetFlag(FLAGS_stop_token_ids), *params.mutable_stop_token_ids());
}

void SetPenalties(v1::SamplingParams& params) {
  if (const auto value = absl::GetFlag(FLAGS_repetition_penalty)) {
    params.set_repetition_penalty(*value);
  }
  if (const auto value = absl::GetFlag(FLAGS_frequency_penalty)) {
    params.set_frequency_penalty(*value);
  }
  if (const auto value = absl::GetFlag(FLAGS_presence_penalty)) {
    params.set_presence_penalty(*value);
  }
  if (const auto value = absl::GetFlag(FLAGS_no_repeat_ngram_size)) {
    params.set_no_repeat_ngram_size(*value);
  }
}

void SetDry(v1::SamplingParams& params) {
  if (const auto value = absl::GetFlag(FLAGS_dry_multiplier)) params.set_dry_multiplier(*value);
  if (const auto value = absl::GetFlag(FLAGS_dry_base)) params.set_dry_base(*value);
  if (const auto value = absl::GetFlag(FLAGS_dry_allowed_length)) {
    params.set_dry_allowed_length(*value);
  }
  if (const auto value = absl::GetFlag(FLAGS_dry_range)) params.set_dry_range(*value);
  AddSequences(absl::GetFlag(FLAGS_dry_sequence_breakers), *params.mutable_dry_sequence_breakers());
}

}  // namespace

std::vector<std::string_view> EditFlags() {
  return {"logit_bias",
          "allowed_token_ids",
          "banned_token_ids",
          "banned_sequences",
          "min_tokens",
          "stop_token_ids",
          "repetition_penalty",
          "frequency_penalty",
          "presence_penalty",
          "dry_multiplier",
          "dry_base",
          "dry_allowed_length",
          "dry_range",
          "dry_sequence_breakers",
          "no_repeat_ngram_size"};
}

void SetEditsFromFlags(v1::SamplingParams& params) {
  SetLogitBias(params);
  SetLists(params);
  SetPenalties(params);
  SetDry(params);
}

}  // namespace boltzmann::client
