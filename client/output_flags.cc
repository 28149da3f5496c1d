#include "client/output_flags.h"

#include <cstdint>
#include <optional>
#include <string>

#include "absl/flags/flag.h"
#include "client/command.h"
#include "client/flag_types.h"

using boltzmann::client::TokenIds;

ABSL_FLAG(std::string, logprobs, "",
          "Which log-probs to report: none, model, sampled or both. Unset means both.");
ABSL_FLAG(bool, ranks, false, "Report each token's rank: no value needed.");
ABSL_FLAG(std::optional<uint32_t>, top_model_count, std::nullopt,
          "List this many most likely tokens of the row as received: an integer >= 0. Unset means "
          "0.");
ABSL_FLAG(std::optional<uint32_t>, top_sampled_count, std::nullopt,
          "List this many most likely tokens of what was drawn from: an integer >= 0. Unset means "
          "0.");
ABSL_FLAG(TokenIds, named_token_ids, {},
          "List these tokens too: integers separated by commas. Unset lists none.");
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

}  // namespace

std::vector<std::string_view> OutputOptionsFlags() {
  return {"logprobs",        "ranks",   "top_model_count", "top_sampled_count",
          "named_token_ids", "entropy", "kept_stats"};
}

absl::StatusOr<v1::OutputOptions> OutputOptionsFromFlags() {
  v1::OutputOptions outputs;
  if (absl::Status status = SetLogprobs(absl::GetFlag(FLAGS_logprobs), outputs); !status.ok()) {
    return status;
  }
  outputs.set_ranks(absl::GetFlag(FLAGS_ranks));
  if (const auto value = absl::GetFlag(FLAGS_top_model_count)) outputs.set_top_model_count(*value);
  if (const auto value = absl::GetFlag(FLAGS_top_sampled_count)) {
    outputs.set_top_sampled_count(*value);
  }
  for (const int32_t id : absl::GetFlag(FLAGS_named_token_ids).ids) outputs.add_named_token_ids(id);
  outputs.set_entropy(absl::GetFlag(FLAGS_entropy));
  outputs.set_kept_stats(absl::GetFlag(FLAGS_kept_stats));
  return outputs;
}

}  // namespace boltzmann::client
