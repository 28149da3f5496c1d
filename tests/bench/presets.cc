#include "tests/bench/presets.h"

#include <algorithm>

namespace boltzmann::bench {
namespace {

constexpr core::OutputOptions Logprobs(bool model, bool sampled) {
  core::OutputOptions outputs;
  outputs.model_logprobs = model;
  outputs.sampled_logprobs = sampled;
  return outputs;
}

constexpr core::OutputOptions kNoLogprobs = Logprobs(false, false);
constexpr core::OutputOptions kModelLogprob = Logprobs(true, false);
constexpr core::OutputOptions kBothLogprobs = Logprobs(true, true);

constexpr core::SamplingParams Params(double temperature, double min_p, int32_t top_k,
                                      double top_p) {
  return {.temperature = temperature, .min_p = min_p, .top_k = top_k, .top_p = top_p};
}

constexpr Preset kPresets[] = {
    {"greedy_without_logprobs", Shape::kPeaked, Params(0, 0, 0, 1), kNoLogprobs, 1.1, 1.2},
    // One exponential a logit.
    {"temperature_1", Shape::kPeaked, Params(1, 0, 0, 1), kBothLogprobs, 1.5, 4.5},
    {"top_k_50", Shape::kPeaked, Params(.7, 0, 50, 1), kBothLogprobs, 1.5, 4.5},
    {"min_p", Shape::kPeaked, Params(.7, .05, 0, 1), kBothLogprobs, 1.5, 4.5},
    {"greedy", Shape::kPeaked, Params(0, 0, 0, 1), kModelLogprob, 1.5, 4.5},
    {"default_chain", Shape::kPeaked, Params(.8, .05, 40, .95), kBothLogprobs, 1.5, 4.5},
    // Two.
    {"temperature_07", Shape::kPeaked, Params(.7, 0, 0, 1), kBothLogprobs, 2.2, 7.5},
    {"top_p_9", Shape::kPeaked, Params(.7, 0, 0, .9), kBothLogprobs, 2.2, 7.5},
    {"flat_top_p_9", Shape::kFlat, Params(1, 0, 0, .9), kBothLogprobs, 5},
    {"flat_temperature_1", Shape::kFlat, Params(1, 0, 0, 1), kBothLogprobs},
};

constexpr std::string_view kMixed[] = {
    "greedy_without_logprobs", "temperature_1",  "top_k_50", "min_p", "greedy",
    "default_chain",           "temperature_07", "top_p_9"};
constexpr std::string_view kSized[] = {"greedy_without_logprobs", "greedy", "temperature_1",
                                       "top_p_9", "flat_top_p_9"};
constexpr std::string_view kOnBaselines[] = {"temperature_1", "top_k_50", "top_p_9",
                                             "default_chain", "flat_top_p_9"};

}  // namespace

std::span<const Preset> Presets() { return kPresets; }

const Preset& PresetNamed(std::string_view name) {
  return *std::find_if(std::begin(kPresets), std::end(kPresets),
                       [name](const Preset& preset) { return preset.name == name; });
}

std::span<const std::string_view> MixedPresets() { return kMixed; }
std::span<const std::string_view> SizedPresets() { return kSized; }
std::span<const std::string_view> BaselinePresets() { return kOnBaselines; }

std::string_view NameOf(core::DataType type) {
  switch (type) {
    case core::DataType::kFloat32:
      return "fp32";
    case core::DataType::kFloat16:
      return "fp16";
    case core::DataType::kBFloat16:
      return "bf16";
  }
  return "";
}

std::string CaseName(std::string_view what, int32_t vocab_size, core::DataType type, Place place) {
  constexpr const char* kPlaces[] = {"rotating", "hot", "memory"};
  return std::string(what) + "/" + std::to_string(vocab_size) + "/" + std::string(NameOf(type)) +
         "/" + kPlaces[static_cast<int>(place)];
}

std::string WithWorkers(std::string_view preset, int workers) {
  return std::string(preset) + "_" + std::to_string(workers) + "_workers";
}

std::string Lone(std::string_view preset) { return std::string(preset) + "_lone"; }

}  // namespace boltzmann::bench
