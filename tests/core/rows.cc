#include "tests/core/rows.h"

#include <algorithm>
#include <bit>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <utility>

#include "gtest/gtest.h"

namespace boltzmann::test {
namespace {

template <typename... Args>
void Append(std::string& text, const char* format, Args... args) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, args...);
  text += buffer;
}

void AppendBits(std::string& text, absl::Span<const float> values) {
  for (float x : values) Append(text, " %08" PRIx32, std::bit_cast<uint32_t>(x));
}

void AppendIds(std::string& text, absl::Span<const int32_t> values) {
  for (int32_t x : values) Append(text, " %" PRId32, x);
}

void AppendTable(std::string& text, const char* name, const core::TokenTable& table) {
  text += std::string("; ") + name;
  AppendIds(text, table.token_ids);
  text += " | model";
  AppendBits(text, table.model_logprobs);
  text += " | sampled";
  AppendBits(text, table.sampled_logprobs);
  text += " | ranks";
  AppendIds(text, table.ranks);
}

void AppendStage(std::string& text, const core::StageReport& stage) {
  text += std::string("; ") + stage.name;
  Append(text, " %" PRIu32 " %016" PRIx64, stage.token_count,
         std::bit_cast<uint64_t>(stage.temperature));
  const float numbers[] = {stage.mass, stage.entropy};
  AppendBits(text, numbers);
}

}  // namespace

uint16_t NarrowToHalf(float x) {
  const int sign = std::signbit(x) ? 0x8000 : 0;
  if (std::isnan(x)) return static_cast<uint16_t>(sign | 0x7E00);
  if (std::isinf(x)) return static_cast<uint16_t>(sign | 0x7C00);
  const double magnitude = std::min(std::abs(static_cast<double>(x)), 65504.0);
  const int exponent = std::max(magnitude == 0 ? -14 : std::ilogb(magnitude), -14);
  // In units of the last place; 1024 or more if the result is normal.
  const int steps = static_cast<int>(std::nearbyint(std::ldexp(magnitude, 10 - exponent)));
  return static_cast<uint16_t>(sign | ((exponent + 14) * 1024 + steps));
}

float WidenHalf(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const float sign = bits & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 31) return mantissa == 0 ? sign * kInf : kNan;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), -24);
  return sign * std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25);
}

uint16_t NarrowToBrain(float x) {
  if (std::isnan(x)) return 0x7FC0;
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(x) >> 16);
}

float WidenBrain(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

Encoded::Encoded(std::span<const float> logits, core::DataType type, size_t offset)
    : type_(type), offset_(offset), bytes_(offset + logits.size() * core::SizeOf(type)) {
  uint8_t* out = bytes_.data() + offset;
  for (float x : logits) {
    if (type == core::DataType::kFloat32) {
      std::memcpy(out, &x, 4);
      widened_.push_back(x);
    } else {
      const bool half = type == core::DataType::kFloat16;
      const uint16_t bits = half ? NarrowToHalf(x) : NarrowToBrain(x);
      std::memcpy(out, &bits, 2);
      widened_.push_back(half ? WidenHalf(bits) : WidenBrain(bits));
    }
    out += core::SizeOf(type);
  }
}

std::vector<std::byte> MaskOf(std::span<const int32_t> allowed, size_t word_count) {
  std::vector<std::byte> mask(word_count * 4);
  for (int32_t t : allowed) mask[t / 8] |= std::byte{1} << t % 8;
  return mask;
}

void Row::Keep(RowLists owned) {
  struct Kept {
    RowLists lists;
    std::vector<core::TokenSequence> banned_sequences, breakers;
  };
  auto kept = std::make_shared<Kept>();
  kept->lists = std::move(owned);
  const RowLists& l = kept->lists;
  kept->banned_sequences.assign(l.banned_sequences.begin(), l.banned_sequences.end());
  kept->breakers.assign(l.breakers.begin(), l.breakers.end());
  params.filter_order = l.filter_order;
  params.logit_bias_token_ids = l.bias_token_ids;
  params.logit_biases = l.biases;
  params.allowed_token_ids = l.allowed;
  params.banned_token_ids = l.banned;
  params.banned_sequences = kept->banned_sequences;
  params.stop_token_ids = l.stop;
  params.dry_sequence_breakers = kept->breakers;
  state.prompt_token_ids = l.prompt;
  state.output_token_ids = l.output;
  state.allowed_token_mask = l.mask;
  lists = std::move(kept);
}

core::OutputOptions AskAll(size_t vocab_size) {
  core::OutputOptions outputs;
  outputs.ranks = outputs.entropy = outputs.kept_stats = true;
  outputs.top_model_count = outputs.top_sampled_count = static_cast<uint32_t>(vocab_size);
  return outputs;
}

std::vector<int32_t> AllTokens(size_t vocab_size) {
  std::vector<int32_t> tokens(vocab_size);
  std::iota(tokens.begin(), tokens.end(), 0);
  return tokens;
}

Sampled::Sampled(core::Engine& engine, std::span<const Row> rows) {
  outputs_.reserve(rows.size());
  for (const Row& row : rows) {
    outputs_.push_back(row.outputs);
    outputs_.back().named_token_ids = row.named;
    batch_.rows.push_back({row.logits.row(), &row.params, &outputs_.back(), row.state});
  }
  const absl::Status status = engine.Sample(batch_);
  EXPECT_TRUE(status.ok()) << status;
}

std::string Print(const core::RowResult& result) {
  std::string text;
  Append(text, "status %d %" PRId32, static_cast<int>(result.status), result.offending_token);
  AppendTable(text, "drawn", result.drawn);
  AppendTable(text, "top model", result.top_model);
  AppendTable(text, "top sampled", result.top_sampled);
  AppendTable(text, "named", result.named);
  text += "; entropies";
  if (result.model_entropy) AppendBits(text, {&*result.model_entropy, 1});
  if (result.sampled_entropy) AppendBits(text, {&*result.sampled_entropy, 1});
  text += "; kept";
  if (result.kept_count) Append(text, " %" PRIu32, *result.kept_count);
  if (result.kept_mass) AppendBits(text, {&*result.kept_mass, 1});
  if (result.mirostat_mu) {
    Append(text, "; mu %016" PRIx64, std::bit_cast<uint64_t>(*result.mirostat_mu));
  }
  for (const core::StageReport& stage : result.stages) AppendStage(text, stage);
  return text;
}

std::string SampleAndPrint(core::Engine& engine, const Row& row) {
  return Print(Sampled(engine, row)[0]);
}

std::string SampleAndPrint(const Row& row) { return SampleAndPrint(SharedEngine(), row); }

bool IsSupported(core::InstructionSet set) {
  const auto supported = core::SupportedInstructionSets();
  return std::find(supported.begin(), supported.end(), set) != supported.end();
}

core::Engine& SharedEngine() {
  static core::Engine engine({.worker_count = 1});
  return engine;
}

uint64_t Stream::Next() {
  uint64_t z = state_ += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

double Stream::Bell() {
  int64_t sum = 0;
  for (int i = 0; i < 12; ++i) sum += static_cast<int64_t>(Next() >> 32);
  return static_cast<double>(sum - 6 * (int64_t{1} << 32)) * 0x1p-32;
}

std::vector<float> BellLogits(size_t size, uint64_t seed, double width, double step) {
  Stream stream(seed);
  std::vector<float> logits(size);
  for (float& l : logits) {
    l = static_cast<float>(std::floor(stream.Bell() * width / step) * step);
  }
  return logits;
}

}  // namespace boltzmann::test
