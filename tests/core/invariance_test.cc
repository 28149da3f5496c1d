// One seed, one answer: to the bit, whatever travels beside the row and whoever computes it.
#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

using core::Engine;

constexpr int kBatchSize = 64;

// Rows of mixed sizes, types and parameters; two of them bad, a few large.
std::vector<Row> MixedRows() {
  std::vector<Row> rows;
  for (uint64_t i = 0; i < kBatchSize; ++i) {
    Stream s(i);
    const size_t size = i % 30 == 5 ? 50257 : static_cast<size_t>(1 + s.Below(1000));
    std::vector<float> logits = BellLogits(size, i, s.Of({1.0, 2.5}), s.Of({0x1p-16, 1.0}));
    if (i == 30) logits[size / 2] = kNan;
    if (i == 31) std::fill(logits.begin(), logits.end(), -kInf);
    Row row{.logits = Encoded(logits, kDataTypes[i % 3], i % 4)};
    row.params = {.temperature = s.Of({0.0, .5, 1.0, 2.0}),
                  .min_p = s.Of({0.0, .02}),
                  .top_k = s.Of({0, 40}),
                  .top_p = s.Of({1.0, .9})};
    row.outputs = AskAll(std::min<size_t>(size, 50));
    row.named = {0};
    row.state = {.seed = s.Next(), .position = i, .draw_count = 1 + static_cast<uint32_t>(i % 5)};
    rows.push_back(std::move(row));
  }
  return rows;
}

// Rows large enough to be split over workers.
std::vector<Row> LargeRows() {
  const core::SamplingParams params[] = {{},
                                         {.temperature = 0},
                                         {.temperature = .7, .top_p = .9},
                                         {.temperature = 1, .top_k = 50},
                                         {.temperature = 1, .top_p = .9},
                                         {.temperature = 2, .min_p = .01}};
  std::vector<Row> rows;
  for (size_t i = 0; i < std::size(params); ++i) {
    for (core::DataType type : kDataTypes) {
      std::vector<float> logits = BellLogits(i % 2 == 0 ? 128256 : 100003, i, i == 4 ? 1.0 : 2.5);
      for (size_t j = 0; j < logits.size(); j += 1 + i) logits[j] = i == 5 ? -kInf : logits[j];
      Row row{.logits = Encoded(logits, type), .params = params[i]};
      row.outputs = AskAll(200);
      row.named = {0, 100002};
      row.state = {.seed = i, .position = 7, .draw_count = 100};
      rows.push_back(std::move(row));
    }
  }
  for (float bad : {kNan, kInf}) {
    std::vector<float> logits = BellLogits(128256, 1);
    logits[60000] = logits[128255] = bad;
    rows.push_back({.logits = Encoded(logits)});
  }
  rows.push_back({.logits = Encoded(std::vector<float>(128256, -kInf))});
  return rows;
}

// Each row alone, on one worker: what every other way must give.
std::vector<std::string> PrintAlone(const std::vector<Row>& rows) {
  std::vector<std::string> printed;
  for (const Row& row : rows) printed.push_back(SampleAndPrint(row));
  return printed;
}

class Invariance : public testing::TestWithParam<int> {
 protected:
  Engine engine_{{.worker_count = GetParam()}};
};

TEST_P(Invariance, HoldsAtEveryIndexOfABatch) {
  std::vector<Row> rows = MixedRows();
  std::vector<std::string> alone = PrintAlone(rows);
  for (int turn = 0; turn < kBatchSize; ++turn) {
    const Sampled sampled(engine_, rows);
    for (int i = 0; i < kBatchSize; ++i) ASSERT_EQ(Print(sampled[i]), alone[i]) << turn;
    std::rotate(rows.begin(), rows.begin() + 1, rows.end());
    std::rotate(alone.begin(), alone.begin() + 1, alone.end());
  }
}

TEST_P(Invariance, HoldsForALoneRowThatIsSplitOverTheWorkers) {
  const std::vector<Row> rows = LargeRows();
  const std::vector<std::string> alone = PrintAlone(rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    for (int turn = 0; turn < 3; ++turn) {
      ASSERT_EQ(Print(Sampled(engine_, rows[i])[0]), alone[i]) << i;
    }
  }
}

TEST_P(Invariance, HoldsForFewLargeRows) {
  const std::vector<Row> rows = LargeRows();
  const std::vector<std::string> alone = PrintAlone(rows);
  for (size_t count : {2, 3, 5}) {
    for (size_t first = 0; first + count <= rows.size(); first += count) {
      const Sampled sampled(engine_, std::span(rows).subspan(first, count));
      for (size_t i = 0; i < count; ++i) ASSERT_EQ(Print(sampled[i]), alone[first + i]);
    }
  }
}

TEST_P(Invariance, HoldsForConcurrentBatches) {
  const std::vector<Row> mixed = MixedRows(), large = LargeRows();
  const std::vector<std::string> mixed_alone = PrintAlone(mixed), large_alone = PrintAlone(large);
  const auto caller = [&](size_t offset) {
    for (int turn = 0; turn < 6; ++turn) {
      const Sampled sampled(engine_, mixed);
      for (int i = 0; i < kBatchSize; ++i) ASSERT_EQ(Print(sampled[i]), mixed_alone[i]);
      const size_t one = (offset * 5 + turn) % large.size();
      ASSERT_EQ(Print(Sampled(engine_, large[one])[0]), large_alone[one]);
    }
  };
  std::vector<std::thread> callers;
  for (size_t i = 0; i < 4; ++i) callers.emplace_back(caller, i);
  for (std::thread& thread : callers) thread.join();
}

INSTANTIATE_TEST_SUITE_P(Workers, Invariance, testing::Values(1, 2, 4));

// What was computed before must leave no trace, whatever scratch it used.
TEST(Invariance, HoldsAfterAnyOtherRow) {
  const std::vector<Row> rows = MixedRows();
  const std::vector<std::string> alone = PrintAlone(rows);
  for (size_t before : {5, 30, 31, 42}) {
    for (size_t i = 0; i < rows.size(); ++i) {
      SampleAndPrint(rows[before]);
      ASSERT_EQ(SampleAndPrint(rows[i]), alone[i]) << i << " after " << before;
    }
  }
}

// What is reported must not change what is drawn, nor any other number.
TEST(Invariance, HoldsForTheTokensWhateverIsReported) {
  for (Row& row : std::vector<Row>(MixedRows())) {
    const auto tokens = [&] {
      const Sampled sampled(SharedEngine(), row);
      const auto ids = sampled[0].drawn.token_ids;
      return std::vector<int32_t>(ids.begin(), ids.end());
    };
    const std::vector<int32_t> with_all = tokens();
    row.named.clear();
    row.outputs = {};
    ASSERT_EQ(tokens(), with_all);
    row.outputs.model_logprobs = row.outputs.sampled_logprobs = false;
    ASSERT_EQ(tokens(), with_all);
  }
}

}  // namespace
}  // namespace boltzmann::test
