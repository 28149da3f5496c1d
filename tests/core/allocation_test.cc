// That rows cost no allocations once the workers have met their like. A program of its
// own, because it counts every allocation that the process makes.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <new>
#include <vector>

#include "core/batch.h"
#include "core/engine.h"
#include "gtest/gtest.h"
#include "tests/core/random_samplers.h"
#include "tests/core/rows.h"

namespace {

std::atomic<int64_t> allocations{0};

void* Allocate(size_t size, size_t alignment) {
  ++allocations;
  // aligned_alloc wants whole multiples of the alignment.
  void* p = std::aligned_alloc(alignment, (size + alignment) / alignment * alignment);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

}  // namespace

void* operator new(size_t size) { return Allocate(size, alignof(std::max_align_t)); }
void* operator new(size_t size, std::align_val_t alignment) {
  return Allocate(size, static_cast<size_t>(alignment));
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { std::free(p); }

namespace boltzmann::test {
namespace {

// Rows of all types and many parameters, with everything asked for; every fourth one bad.
std::vector<Row> Rows(size_t vocab_size) {
  std::vector<Row> rows;
  const core::SamplingParams params[] = {{},
                                         {.temperature = 0},
                                         {.temperature = .7, .top_p = .9},
                                         {.temperature = 1.5, .top_p = .99},
                                         {.top_k = 50},
                                         {.min_p = .1}};
  for (const core::SamplingParams& p : params) {
    for (core::DataType type : kDataTypes) {
      std::vector<float> logits = BellLogits(vocab_size, rows.size(), rows.size() % 2 ? 1 : 3);
      if (rows.size() % 4 == 3) logits.back() = kNan;
      Row row{.logits = Encoded(logits, type), .params = p, .named = {0, 1}};
      row.outputs = AskAll(vocab_size);
      row.state.draw_count = 3;
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

// Rows with all samplers and edits, as long as a vocabulary of some thousands.
std::vector<Row> SamplerRows() {
  RandomSamplers random(0);
  std::vector<Row> rows;
  while (rows.size() < 18) {
    Row row = random.Next();
    row.outputs.stages = false;  // whose reports are vectors of their own
    if (row.vocab_size() <= 6000) rows.push_back(std::move(row));
  }
  return rows;
}

// The allocations of sampling all of `rows`, `copies` times over, as one batch.
int64_t AllocationsOf(core::Engine& engine, const std::vector<Row>& rows, int copies) {
  std::vector<core::OutputOptions> outputs;
  for (const Row& row : rows) {
    outputs.push_back(row.outputs);
    outputs.back().named_token_ids = row.named;
  }
  core::Batch batch;
  batch.rows.reserve(rows.size() * copies);
  for (int c = 0; c < copies; ++c) {
    for (size_t i = 0; i < rows.size(); ++i) {
      batch.rows.push_back({rows[i].logits.row(), &rows[i].params, &outputs[i], rows[i].state});
    }
  }
  const int64_t before = allocations;
  const absl::Status status = engine.Sample(batch);
  const int64_t after = allocations;
  EXPECT_TRUE(status.ok()) << status;
  return after - before;
}

class Allocations : public testing::TestWithParam<int> {};

TEST_P(Allocations, OfABatchDoNotGrowWithItsRows) {
  for (size_t vocab_size : {2, 700, 5000}) {
    core::Engine engine({.worker_count = GetParam()});
    const std::vector<Row> rows = Rows(vocab_size);
    // Which worker meets which row is chance: the least of several turns is what stays.
    int64_t least = std::numeric_limits<int64_t>::max();
    for (int i = 0; i < 10; ++i) least = std::min(least, AllocationsOf(engine, rows, 10));
    // 180 rows: the few are those of the results.
    EXPECT_LE(least, 20);
  }
}

TEST_P(Allocations, OfABatchWithEverySamplerDoNotGrowWithItsRows) {
  core::Engine engine({.worker_count = GetParam()});
  const std::vector<Row> rows = SamplerRows();
  int64_t least = std::numeric_limits<int64_t>::max();
  for (int i = 0; i < 10; ++i) least = std::min(least, AllocationsOf(engine, rows, 10));
  EXPECT_LE(least, 20);
}

TEST_P(Allocations, OfABatchOfSharedRowsDoNotGrowWithItsRows) {
  core::Engine engine({.worker_count = GetParam()});
  std::vector<Row> rows = SamplerRows();
  for (const Row& row : Rows(5000)) rows.push_back(row);
  for (Row& row : rows) row.logits.Share();
  int64_t least = std::numeric_limits<int64_t>::max();
  for (int i = 0; i < 10; ++i) least = std::min(least, AllocationsOf(engine, rows, 10));
  EXPECT_LE(least, 20);
}

INSTANTIATE_TEST_SUITE_P(Workers, Allocations, testing::Values(1, 2));

}  // namespace
}  // namespace boltzmann::test
