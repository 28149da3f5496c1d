#include "client/sampling_flags.h"

#include <optional>
#include <string>

#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "client/command.h"

ABSL_FLAG(std::optional<double>, temperature, std::nullopt,
          "Divide each logit by this: a number >= 0, below 1e-5 greedy. Unset means 1.");
ABSL_FLAG(std::optional<double>, min_p, std::nullopt,
          "Keep tokens with at least this share of the largest probability: a number in [0, 1].");
ABSL_FLAG(std::optional<int32_t>, top_k, std::nullopt,
          "Keep this many most likely tokens: an integer >= -1; -1 and 0 keep all.");
ABSL_FLAG(std::optional<double>, top_p, std::nullopt,
          "Keep the most likely tokens up to this probability mass: a number in (0, 1].");
ABSL_FLAG(std::optional<uint64_t>, seed, std::nullopt,
          "Seed of the first row: an integer in [0, 2^64). Row i takes seed + i. Unset means that "
          "the server picks one for each row.");
ABSL_FLAG(std::optional<uint64_t>, position, std::nullopt,
          "Index of the token being generated: an integer in [0, 2^64). Unset means 0.");
ABSL_FLAG(std::optional<uint32_t>, draw_count, std::nullopt,
          "Draw this many tokens a row, with replacement: an integer >= 1. Unset means 1.");
ABSL_FLAG(std::string, logprobs, "",
          "Which log-probs to report: none, model, sampled or both. Unset means both.");
ABSL_FLAG(bool, ranks, false, "Report each token's rank: no value needed.");
ABSL_FLAG(std::optional<uint32_t>, top_model_count, std::nullopt,
          "List this many most likely tokens of the row as received: an integer >= 0.");
ABSL_FLAG(std::optional<uint32_t>, top_sampled_count, std::nullopt,
          "List this many most likely tokens of what was drawn from: an integer >= 0.");
ABSL_FLAG(std::vector<std::string>, named_token_ids, {},
          "List these tokens too: integers separated by commas.");
ABSL_FLAG(bool, entropy, false, "Report the entropies, in bits: no value needed.");
ABSL_FLAG(bool, kept_stats, false,
          "Report how many tokens the filters kept, and their mass: no value needed.");

namespace boltzmann::client {
namespace {

absl::Status SetLogprobs(const std::string& word, v1::OutputOptions& outputs) {
  if (word == "none") {
    outputs.set_logprobs(v1::LOGPROB_MODE_NONE);
  } else if (word == "model") {
    outputs.set_logprobs(v1::LOGPROB_MODE_MODEL);
  } else if (word == "sampled") {
    outputs.set_logprobs(v1::LOGPROB_MODE_SAMPLED);
  } else if (word == "both") {
    outputs.set_logprobs(v1::LOGPROB_MODE_BOTH);
  } else if (!word.empty()) {
    return Misuse("--logprobs: '" + word + "' is not allowed: give none, model, sampled or both");
  }
  return absl::OkStatus();
}

absl::Status AddNamedTokenIds(v1::OutputOptions& outputs) {
  for (const std::string& word : absl::GetFlag(FLAGS_named_token_ids)) {
    int32_t id;
    if (!absl::SimpleAtoi(word, &id)) {
      return Misuse("--named_token_ids: '" + word + "' is not a token id: give integers");
    }
    outputs.add_named_token_ids(id);
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string_view> SamplingParamsFlags() {
  return {"temperature", "min_p", "top_k", "top_p"};
}

v1::SamplingParams SamplingParamsFromFlags() {
  v1::SamplingParams params;
  if (const auto value = absl::GetFlag(FLAGS_temperature)) params.set_temperature(*value);
  if (const auto value = absl::GetFlag(FLAGS_min_p)) params.set_min_p(*value);
  if (const auto value = absl::GetFlag(FLAGS_top_k)) params.set_top_k(*value);
  if (const auto value = absl::GetFlag(FLAGS_top_p)) params.set_top_p(*value);
  return params;
}

std::vector<std::string_view> SeedFlags() { return {"seed"}; }

std::vector<std::string_view> RowStateFlags() { return {"position", "draw_count"}; }

v1::RowState RowStateFromFlags(uint32_t row) {
  v1::RowState state;
  if (const auto value = absl::GetFlag(FLAGS_seed)) state.set_seed(*value + row);
  if (const auto value = absl::GetFlag(FLAGS_position)) state.set_position(*value);
  if (const auto value = absl::GetFlag(FLAGS_draw_count)) state.set_draw_count(*value);
  return state;
}

std::vector<std::string_view> OutputOptionsFlags() {
  return {"logprobs",        "ranks",   "top_model_count", "top_sampled_count",
          "named_token_ids", "entropy", "kept_stats"};
}

absl::StatusOr<v1::OutputOptions> OutputOptionsFromFlags() {
  v1::OutputOptions outputs;
  absl::Status status = SetLogprobs(absl::GetFlag(FLAGS_logprobs), outputs);
  if (status.ok()) status = AddNamedTokenIds(outputs);
  if (!status.ok()) return status;
  outputs.set_ranks(absl::GetFlag(FLAGS_ranks));
  if (const auto value = absl::GetFlag(FLAGS_top_model_count)) outputs.set_top_model_count(*value);
  if (const auto value = absl::GetFlag(FLAGS_top_sampled_count)) {
    outputs.set_top_sampled_count(*value);
  }
  outputs.set_entropy(absl::GetFlag(FLAGS_entropy));
  outputs.set_kept_stats(absl::GetFlag(FLAGS_kept_stats));
  return outputs;
}

}  // namespace boltzmann::client
