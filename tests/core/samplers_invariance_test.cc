// One seed, one answer, with every sampler and edit there is: to the bit, whatever travels beside
// the row and whoever computes it.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/core/random_samplers.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

constexpr int kBatchSize = 60;
constexpr size_t kLarge = 128256;

// Printing every token of a large row takes longer than all else.
void ListFewer(Row& row) {
  row.outputs.top_model_count = std::min(row.outputs.top_model_count, 50u);
  row.outputs.top_sampled_count = std::min(row.outputs.top_sampled_count, 50u);
}

// Random rows, two of them as large as a real vocabulary.
std::vector<Row> MixedRows() {
  RandomSamplers random(300);
  std::vector<Row> rows;
  for (int i = 0; i < kBatchSize; ++i) {
    rows.push_back(random.Next());
    ListFewer(rows.back());
  }
  return rows;
}

// Random samplers over rows that are large enough to be split over workers.
std::vector<Row> LargeRows() {
  RandomSamplers random(301);
  Stream s(301);
  std::vector<Row> rows;
  while (rows.size() < 24) {
    Row row = random.Next();
    if (row.logits.widened().size() > kLarge) continue;
    std::vector<float> logits =
        BellLogits(kLarge, s.Next(), s.Of({1.0, 2.5}), s.Of({0x1p-16, 1.0}));
    for (size_t t = 0; rows.size() % 3 == 1 && t < kLarge; t += 3) logits[t] = -kInf;
    row.logits = Encoded(logits, kDataTypes[rows.size() % 3], rows.size() % 4);
    ListFewer(row);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<std::string> PrintAlone(const std::vector<Row>& rows) {
  std::vector<std::string> printed;
  for (const Row& row : rows) printed.push_back(SampleAndPrint(row));
  return printed;
}

class SamplersInvariance : public testing::TestWithParam<int> {
 protected:
  core::Engine engine_{{.worker_count = GetParam()}};
};

TEST_P(SamplersInvariance, HoldsAtEveryPlaceOfABatch) {
  std::vector<Row> rows = MixedRows();
  std::vector<std::string> alone = PrintAlone(rows);
  for (int turn = 0; turn < 6; ++turn) {
    const Sampled sampled(engine_, rows);
    for (int i = 0; i < kBatchSize; ++i) ASSERT_EQ(Print(sampled[i]), alone[i]) << turn;
    std::rotate(rows.begin(), rows.begin() + 11, rows.end());
    std::rotate(alone.begin(), alone.begin() + 11, alone.end());
  }
}

TEST_P(SamplersInvariance, HoldsForLargeRowsThatAreSplitOverTheWorkers) {
  const std::vector<Row> rows = LargeRows();
  const std::vector<std::string> alone = PrintAlone(rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    for (int turn = 0; turn < 2; ++turn) {
      ASSERT_EQ(Print(Sampled(engine_, rows[i])[0]), alone[i]) << i;
    }
  }
  for (size_t first = 0; first < rows.size(); first += 3) {
    const Sampled sampled(engine_, std::span(rows).subspan(first, 3));
    for (size_t i = 0; i < 3; ++i) ASSERT_EQ(Print(sampled[i]), alone[first + i]) << first;
  }
}

INSTANTIATE_TEST_SUITE_P(Workers, SamplersInvariance, testing::Values(1, 2, 4));

// What was computed before must leave no trace, whatever scratch it used.
TEST(SamplersInvariance, HoldsAfterAnyOtherRow) {
  std::vector<Row> rows = MixedRows();
  const std::vector<std::string> alone = PrintAlone(rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    SampleAndPrint(rows[(i * 7 + 3) % rows.size()]);
    ASSERT_EQ(SampleAndPrint(rows[i]), alone[i]) << i;
  }
}

// What is reported must not change what is drawn.
TEST(SamplersInvariance, HoldsForTheTokensWhateverIsReported) {
  for (Row& row : MixedRows()) {
    const auto tokens = [&] {
      const Sampled sampled(SharedEngine(), row);
      const auto ids = sampled[0].drawn.token_ids;
      return std::vector<int32_t>(ids.begin(), ids.end());
    };
    const std::vector<int32_t> as_asked = tokens();
    row.outputs = AskAll(static_cast<size_t>(row.vocab_size()));
    row.outputs.stages = true;
    ASSERT_EQ(tokens(), as_asked);
    row.named.clear();
    row.outputs = {.model_logprobs = false, .sampled_logprobs = false};
    ASSERT_EQ(tokens(), as_asked);
  }
}

class SamplersInvarianceOn : public testing::TestWithParam<core::InstructionSet> {};

TEST_P(SamplersInvarianceOn, HoldsForLargeRows) {
  if (!IsSupported(GetParam())) GTEST_SKIP() << core::NameOf(GetParam()) << ": not on this machine";
  core::Engine engine({.worker_count = 2, .instruction_set = GetParam()});
  const std::vector<Row> rows = LargeRows();
  const std::vector<std::string> expected = PrintAlone(rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(Print(Sampled(engine, rows[i])[0]), expected[i]) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(, SamplersInvarianceOn, testing::ValuesIn(kAllInstructionSets),
                         [](const auto& set) { return std::string(core::NameOf(set.param)); });

}  // namespace
}  // namespace boltzmann::test
