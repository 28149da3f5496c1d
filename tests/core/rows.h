// Rows for tests: made from floats, sampled in batches, printed bit for bit.
#ifndef BOLTZMANN_TESTS_CORE_ROWS_H_
#define BOLTZMANN_TESTS_CORE_ROWS_H_

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/batch.h"
#include "core/engine.h"
#include "core/instruction_set.h"
#include "core/logits.h"
#include "core/params.h"

namespace boltzmann::test {

// Whether a sanitizer, or no optimizer, makes this build so slow that it judges fewer rows.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(NDEBUG)
inline constexpr bool kSlowBuild = true;
#elif defined(__has_feature)
inline constexpr bool kSlowBuild =
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool kSlowBuild = false;
#endif

inline constexpr float kInf = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr core::DataType kDataTypes[] = {core::DataType::kFloat32, core::DataType::kFloat16,
                                                core::DataType::kBFloat16};

inline constexpr core::InstructionSet kAllInstructionSets[] = {
    core::InstructionSet::kAvx512, core::InstructionSet::kAvx2, core::InstructionSet::kNeon,
    core::InstructionSet::kPortable};

// Whether this machine can run it; a test that asks for another is skipped.
bool IsSupported(core::InstructionSet set);

// The nearest binary16, never rounding a finite number to infinity; and its exact value.
uint16_t NarrowToHalf(float x);
float WidenHalf(uint16_t bits);

// The next bfloat16 towards zero; and its exact value.
uint16_t NarrowToBrain(float x);
float WidenBrain(uint16_t bits);

// One row's logits as the wire has them.
class Encoded {
 public:
  // Narrows `logits` to `type` and lays them out `offset` bytes after an aligned address.
  explicit Encoded(std::span<const float> logits, core::DataType type = core::DataType::kFloat32,
                   size_t offset = 0);
  Encoded(std::initializer_list<float> logits, core::DataType type = core::DataType::kFloat32)
      : Encoded(std::span(logits.begin(), logits.size()), type) {}

  // Makes it a row that others may write to, though nobody does.
  void Share() { shared_ = true; }

  core::LogitRow row() const {
    const auto vocab_size = static_cast<int32_t>(widened_.size());
    if (shared_) return core::LogitRow::Shared(bytes_.data() + offset_, type_, vocab_size);
    return {bytes_.data() + offset_, type_, vocab_size};
  }

  // What the logits are worth once narrowed.
  const std::vector<float>& widened() const { return widened_; }

 private:
  core::DataType type_;
  size_t offset_;
  bool shared_ = false;
  std::vector<uint8_t> bytes_;
  std::vector<float> widened_;
};

// The lists that a row's parameters and state point to.
struct RowLists {
  using Sequences = std::vector<std::vector<int32_t>>;

  std::vector<core::Stage> filter_order = {};
  std::vector<int32_t> bias_token_ids = {};
  std::vector<double> biases = {};
  std::vector<int32_t> allowed = {};
  std::vector<int32_t> banned = {};
  Sequences banned_sequences = {};
  std::vector<int32_t> stop = {};
  Sequences breakers = {};
  std::vector<int32_t> prompt = {};
  std::vector<int32_t> output = {};
  std::optional<std::vector<std::byte>> mask = {};
};

// A mask of `word_count` words that allows these tokens.
std::vector<std::byte> MaskOf(std::span<const int32_t> allowed, size_t word_count);

// A row and all that is asked of it. It may be copied and moved: copies share their lists.
struct Row {
  Encoded logits;
  core::SamplingParams params = {};
  core::OutputOptions outputs = {};  // its named_token_ids are taken from `named`
  std::vector<int32_t> named = {};
  core::RowState state = {};
  std::shared_ptr<const void> lists = {};  // what the spans above point to, by Keep

  // Points the spans of `params` and `state` to these lists.
  void Keep(RowLists lists);

  int32_t vocab_size() const { return static_cast<int32_t>(logits.widened().size()); }
};

// Everything that can be asked of a row of this size, in full.
core::OutputOptions AskAll(size_t vocab_size);

// The ids 0 to vocab_size - 1.
std::vector<int32_t> AllTokens(size_t vocab_size);

// A batch that has been sampled; the test fails if the engine did not say OK. The rows
// must outlive it.
class Sampled {
 public:
  Sampled(core::Engine& engine, std::span<const Row> rows);
  Sampled(core::Engine& engine, const Row& row) : Sampled(engine, std::span(&row, 1)) {}

  const core::RowResult& operator[](size_t row) const { return batch_.results.rows()[row]; }

 private:
  std::vector<core::OutputOptions> outputs_;
  core::Batch batch_;
};

// A result as text: two results have the same text iff they are equal to the bit.
std::string Print(const core::RowResult& result);

// Samples one row and prints the result; without an engine named, on SharedEngine().
std::string SampleAndPrint(core::Engine& engine, const Row& row);
std::string SampleAndPrint(const Row& row);

// An engine of one worker that all tests of a program share.
core::Engine& SharedEngine();

// A simple stream of integers, the same on every machine (SplitMix64, Steele et al. 2014).
class Stream {
 public:
  explicit Stream(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  int64_t Below(int64_t n) { return static_cast<int64_t>(Next() % static_cast<uint64_t>(n)); }
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

  // One of a list.
  template <typename T>
  T Of(std::initializer_list<T> list) {
    return list.begin()[Below(static_cast<int64_t>(list.size()))];
  }

  // About normal, with mean 0 and variance 1, from additions only: a multiple of 2^-32.
  double Bell();

 private:
  uint64_t state_;
};

// `size` logits from a bell of the given width, all multiples of `step`, a power of two.
// A large step makes ties.
std::vector<float> BellLogits(size_t size, uint64_t seed, double width = 2.5,
                              double step = 0x1p-16);

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CORE_ROWS_H_
