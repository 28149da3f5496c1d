#include "tests/golden/row_hash.h"

#include <bit>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "tests/core/random_rows.h"
#include "tests/core/random_samplers.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

constexpr int kRowsPerBatch = 20;

// FNV-1a over 32-bit words: a change of any one word changes the value.
class Fnv {
 public:
  void Add(uint32_t word) { value_ = (value_ ^ word) * 0x100000001B3; }
  void Add(int32_t word) { Add(static_cast<uint32_t>(word)); }
  void Add(float x) { Add(std::bit_cast<uint32_t>(x)); }
  void Add(double x) {
    const auto bits = std::bit_cast<uint64_t>(x);
    Add(static_cast<uint32_t>(bits));
    Add(static_cast<uint32_t>(bits >> 32));
  }
  void Add(const char* text) {
    for (; *text != 0; ++text) Add(static_cast<uint32_t>(*text));
  }

  // The length first, so that no value passes from one column to the next unseen.
  template <typename T>
  void Add(absl::Span<const T> column) {
    Add(static_cast<uint32_t>(column.size()));
    for (T x : column) Add(x);
  }

  template <typename T>
  void Add(const std::optional<T>& x) {
    Add(static_cast<uint32_t>(x.has_value()));
    if (x) Add(*x);
  }

  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xCBF29CE484222325;
};

void Add(const core::TokenTable& table, Fnv& hash) {
  hash.Add<int32_t>(table.token_ids);
  hash.Add<float>(table.model_logprobs);
  hash.Add<float>(table.sampled_logprobs);
  hash.Add<int32_t>(table.ranks);
}

void Add(const core::RowResult& result, Fnv& hash) {
  hash.Add(static_cast<uint32_t>(result.status));
  hash.Add(result.offending_token);
  Add(result.drawn, hash);
  Add(result.top_model, hash);
  Add(result.top_sampled, hash);
  Add(result.named, hash);
  hash.Add(result.model_entropy);
  hash.Add(result.sampled_entropy);
  hash.Add(result.kept_count);
  hash.Add(result.kept_mass);
}

void AddStages(const core::RowResult& result, Fnv& hash) {
  hash.Add(result.mirostat_mu);
  hash.Add(static_cast<uint32_t>(result.stages.size()));
  for (const core::StageReport& stage : result.stages) {
    hash.Add(stage.name);
    hash.Add(stage.token_count);
    hash.Add(stage.mass);
    hash.Add(stage.entropy);
    hash.Add(stage.temperature);
  }
}

// Samples `count` rows of a series; `add_more` adds what else of an answer is hashed.
template <typename Random, typename AddMore>
RowHash HashRows(core::Engine& engine, int count, Random random, AddMore add_more) {
  Fnv logits, answers;
  for (int done = 0; done < count; done += kRowsPerBatch) {
    std::vector<Row> rows;
    for (int i = 0; i < kRowsPerBatch; ++i) rows.push_back(random.Next());
    const Sampled sampled(engine, rows);
    for (int i = 0; i < kRowsPerBatch; ++i) {
      logits.Add<float>(rows[i].logits.widened());
      Add(sampled[i], answers);
      add_more(sampled[i], answers);
    }
  }
  return {logits.value(), answers.value()};
}

}  // namespace

RowHash HashShard(core::Engine& engine, int shard) {
  static_assert(kRowsPerShard % kRowsPerBatch == 0);
  return HashRows(engine, kRowsPerShard, RandomRows(shard), [](const core::RowResult&, Fnv&) {});
}

RowHash HashSamplerShard(core::Engine& engine, int shard) {
  static_assert(kSamplerRowsPerShard % kRowsPerBatch == 0);
  return HashRows(engine, kSamplerRowsPerShard, RandomSamplers(shard), AddStages);
}

}  // namespace boltzmann::test
