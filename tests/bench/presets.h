// What is measured: samplers as callers use them, and what each may cost.
#ifndef BOLTZMANN_TESTS_BENCH_PRESETS_H_
#define BOLTZMANN_TESTS_BENCH_PRESETS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/logits.h"
#include "core/params.h"
#include "tests/bench/rows.h"

namespace boltzmann::bench {

inline constexpr int32_t kVocabSize = 128256;  // unless said
inline constexpr int32_t kOtherVocabSizes[] = {32000, 50257, 151936, 262144};
inline constexpr core::DataType kDataTypes[] = {core::DataType::kFloat32, core::DataType::kFloat16,
                                                core::DataType::kBFloat16};

// Where the logits come from.
enum class Place : uint8_t {
  kRotating,  // 64 rows in turn: from the L3 cache or memory
  kHot,       // one row again and again: from the L2 cache, if it fits
  kMemory,    // 256 rows in turn: from memory
};

// A sampler, and the most that it may cost as a multiple of reading the row once.
struct Preset {
  std::string_view name;
  Shape shape;
  core::SamplingParams params;
  core::OutputOptions outputs;
  std::optional<double> rotating_budget = {};
  std::optional<double> hot_budget = {};
};

std::span<const Preset> Presets();

// REQUIRES: there is one of this name.
const Preset& PresetNamed(std::string_view name);

// The presets of the batch in which neighbours differ.
std::span<const std::string_view> MixedPresets();

// The presets that are also measured at other vocabulary sizes, and on baselines.
std::span<const std::string_view> SizedPresets();
std::span<const std::string_view> BaselinePresets();

std::string_view NameOf(core::DataType type);

// The name of a benchmark, such as top_p_9/128256/fp32/rotating.
std::string CaseName(std::string_view what, int32_t vocab_size, core::DataType type, Place place);

// What is measured with more than one worker, or with one row a batch: the name of the
// preset with that added, such as top_p_9_2_workers.
std::string WithWorkers(std::string_view preset, int workers);
std::string Lone(std::string_view preset);

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_PRESETS_H_
