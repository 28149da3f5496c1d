#include "client/params_flags.h"

#include <cstdint>
#include <optional>
#include <string>

#include "absl/flags/flag.h"
#include "absl/strings/ascii.h"
#include "client/common_flags.h"
#include "client/edit_flags.h"

ABSL_FLAG(std::optional<double>, temperature, std::nullopt,
          "Divide each logit by this: a number >= 0, below 1e-5 greedy. Unset means 1.");
ABSL_FLAG(std::optional<double>, min_p, std::nullopt,
          "Keep tokens with at least this share of the largest probability: a number in [0, 1]. "
          "Unset means 0, which keeps all.");
ABSL_FLAG(std::optional<int32_t>, top_k, std::nullopt,
          "Keep this many most likely tokens: an integer >= -1; -1 and 0 keep all. Unset keeps "
          "all.");
ABSL_FLAG(std::optional<double>, top_p, std::nullopt,
          "Keep the most likely tokens up to this probability mass: a number in (0, 1]. Unset "
          "means 1, which keeps all.");
ABSL_FLAG(std::optional<double>, typical_p, std::nullopt,
          "Keep the tokens whose surprise is nearest to the entropy, up to this probability mass: "
          "a number in (0, 1]. Unset means 1, which keeps all.");
ABSL_FLAG(std::optional<double>, epsilon_cutoff, std::nullopt,
          "Keep tokens with at least this probability: a number in [0, 1). Unset means 0, which "
          "keeps all.");
ABSL_FLAG(std::optional<double>, eta_cutoff, std::nullopt,
          "Keep tokens with at least this probability, or less where the entropy is high: a number "
          "in [0, 1). Unset means 0, which keeps all.");
ABSL_FLAG(std::optional<double>, top_n_sigma, std::nullopt,
          "Keep tokens whose logit is at most this many standard deviations below the largest: a "
          "number >= 0; 0 keeps all. Unset keeps all.");
ABSL_FLAG(std::optional<double>, xtc_probability, std::nullopt,
          "With this probability drop the top choices, all but the least likely of those that "
          "--xtc_threshold lets count: a number in [0, 1]. Unset means 0, which is off.");
ABSL_FLAG(std::optional<double>, xtc_threshold, std::nullopt,
          "The probability from which on a token is a top choice to --xtc_probability: a number in "
          "[0, 1]; above 0.5 is off. Unset means 0.1.");
ABSL_FLAG(std::optional<double>, dynamic_temperature_range, std::nullopt,
          "Let the temperature go this far below and above --temperature, as the entropy does: a "
          "number >= 0. Unset means 0, which is off.");
ABSL_FLAG(std::optional<double>, dynamic_temperature_exponent, std::nullopt,
          "How the temperature follows the entropy within --dynamic_temperature_range: a number > "
          "0. Unset means 1.");
ABSL_FLAG(std::optional<uint32_t>, mirostat, std::nullopt,
          "Keep the surprise of a text near --mirostat_tau: the version, 1 or 2; 0 is off. Unset "
          "means 0.");
ABSL_FLAG(std::optional<double>, mirostat_tau, std::nullopt,
          "The surprise that --mirostat aims at, in bits: a number >= 0. Unset means 5.");
ABSL_FLAG(std::optional<double>, mirostat_eta, std::nullopt,
          "How fast --mirostat learns: a number >= 0. Unset means 0.1.");
ABSL_FLAG(std::vector<std::string>, filter_order, {},
          "The order of the stages: names separated by commas, among them every stage that is on; "
          "top_k_top_p applies both to one distribution. Unset means top_n_sigma, temperature, "
          "min_p, top_k, typical_p, top_p, epsilon_cutoff, eta_cutoff, xtc, mirostat.");

namespace boltzmann::client {
namespace {

void SetTruncations(v1::SamplingParams& params) {
  if (const auto value = absl::GetFlag(FLAGS_min_p)) params.set_min_p(*value);
  if (const auto value = absl::GetFlag(FLAGS_top_k)) params.set_top_k(*value);
  if (const auto value = absl::GetFlag(FLAGS_top_p)) params.set_top_p(*value);
  if (const auto value = absl::GetFlag(FLAGS_typical_p)) params.set_typical_p(*value);
  if (const auto value = absl::GetFlag(FLAGS_epsilon_cutoff)) params.set_epsilon_cutoff(*value);
  if (const auto value = absl::GetFlag(FLAGS_eta_cutoff)) params.set_eta_cutoff(*value);
  if (const auto value = absl::GetFlag(FLAGS_top_n_sigma)) params.set_top_n_sigma(*value);
  if (const auto value = absl::GetFlag(FLAGS_xtc_probability)) params.set_xtc_probability(*value);
  if (const auto value = absl::GetFlag(FLAGS_xtc_threshold)) params.set_xtc_threshold(*value);
}

void SetTemperature(v1::SamplingParams& params) {
  if (const auto value = absl::GetFlag(FLAGS_temperature)) params.set_temperature(*value);
  if (const auto value = absl::GetFlag(FLAGS_dynamic_temperature_range)) {
    params.set_dynamic_temperature_range(*value);
  }
  if (const auto value = absl::GetFlag(FLAGS_dynamic_temperature_exponent)) {
    params.set_dynamic_temperature_exponent(*value);
  }
}

void SetMirostat(v1::SamplingParams& params) {
  if (const auto value = absl::GetFlag(FLAGS_mirostat)) params.set_mirostat(*value);
  if (const auto value = absl::GetFlag(FLAGS_mirostat_tau)) params.set_mirostat_tau(*value);
  if (const auto value = absl::GetFlag(FLAGS_mirostat_eta)) params.set_mirostat_eta(*value);
}

void AddFilterOrder(v1::SamplingParams& params) {
  for (const std::string& name : absl::GetFlag(FLAGS_filter_order)) {
    params.add_filter_order(std::string(absl::StripAsciiWhitespace(name)));
  }
}

}  // namespace

std::vector<std::string_view> SamplingParamsFlags() {
  return Joined(
      {{"temperature", "min_p", "top_k", "top_p", "typical_p", "epsilon_cutoff", "eta_cutoff",
        "top_n_sigma", "xtc_probability", "xtc_threshold", "dynamic_temperature_range",
        "dynamic_temperature_exponent", "mirostat", "mirostat_tau", "mirostat_eta", "filter_order"},
       EditFlags()});
}

v1::SamplingParams SamplingParamsFromFlags() {
  v1::SamplingParams params;
  SetTemperature(params);
  SetTruncations(params);
  SetMirostat(params);
  AddFilterOrder(params);
  SetEditsFromFlags(params);
  return params;
}

}  // namespace boltzmann::client
