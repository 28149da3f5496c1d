#include "client/sparse_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace boltzmann::client {
namespace {

using ::testing::ElementsAre;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

LogitMatrix OneRow(const std::vector<float>& logits) {
  return {v1::DATA_TYPE_FLOAT32, 1, static_cast<uint32_t>(logits.size()),
          std::string(reinterpret_cast<const char*>(logits.data()), logits.size() * sizeof(float))};
}

v1::SparseRow Select(const std::vector<float>& logits, uint32_t count) {
  return SelectCandidates(OneRow(logits), count).rows(0);
}

std::vector<float> LogitsOf(const v1::SparseRow& row) {
  std::vector<float> logits(row.logits().size() / sizeof(float));
  std::memcpy(logits.data(), row.logits().data(), row.logits().size());
  return logits;
}

TEST(SparseRows, HoldTheLargestLogitsAndTheirTokens) {
  const v1::SparseRow row = Select({1, 4, 2, 3, -kInfinity}, 3);
  EXPECT_THAT(row.token_ids(), ElementsAre(1, 3, 2));
  EXPECT_THAT(LogitsOf(row), ElementsAre(4, 3, 2));
}

TEST(SparseRows, KeepTheLowerTokensOnTies) {
  EXPECT_THAT(Select({5, 7, 5, 7, 5}, 3).token_ids(), ElementsAre(1, 3, 0));
  EXPECT_THAT(Select({0.0f, -0.0f, 0.0f}, 2).token_ids(), ElementsAre(0, 1));
}

TEST(SparseRows, HoldEverythingIfThatIsNoMore) {
  EXPECT_THAT(Select({1, 2}, 2).token_ids(), ElementsAre(1, 0));
  EXPECT_THAT(Select({1, 2}, 4000000000u).token_ids(), ElementsAre(1, 0));
}

// As 64-bit arithmetic has it: exp would overflow from 710 on.
TEST(SparseRows, NameTheLogSumExpOfTheWholeRow) {
  EXPECT_NEAR(Select({1, 2, 3, -kInfinity}, 1).log_sum_exp(),
              std::log(std::exp(1.0) + std::exp(2.0) + std::exp(3.0)), 1e-15);
  EXPECT_NEAR(Select({5000, 5000}, 1).log_sum_exp(), 5000 + std::log(2.0), 1e-12);
  EXPECT_NEAR(Select({-5000, -5000}, 1).log_sum_exp(), -5000 + std::log(2.0), 1e-12);
}

TEST(SparseRows, SendWhatMakesARowBad) {
  const v1::SparseRow nan = Select({1, kNan, 3, kNan}, 1);
  EXPECT_THAT(nan.token_ids(), ElementsAre(1));
  EXPECT_FALSE(nan.has_log_sum_exp());
  const v1::SparseRow infinite = Select({1, 2, kInfinity}, 1);
  EXPECT_THAT(infinite.token_ids(), ElementsAre(2));
  EXPECT_FALSE(infinite.has_log_sum_exp());
  const v1::SparseRow empty = Select({-kInfinity, -kInfinity}, 1);
  EXPECT_THAT(empty.token_ids(), ElementsAre(0));
  EXPECT_FALSE(empty.has_log_sum_exp());
}

TEST(SparseRows, KeepTheLogitsType) {
  for (const v1::DataType type : {v1::DATA_TYPE_FLOAT16, v1::DATA_TYPE_BFLOAT16}) {
    LogitMatrix matrix = OneRow({1, 2, 3, 4});
    matrix.row_count = 2;
    matrix.vocab_size = 2;
    matrix = ConvertTo(matrix, type);
    const v1::SparseRows rows = SelectCandidates(matrix, 1);
    EXPECT_THAT(rows.rows(0).token_ids(), ElementsAre(1));
    EXPECT_EQ(rows.rows(0).logits(), matrix.bytes.substr(2, 2));
    EXPECT_EQ(rows.rows(1).logits(), matrix.bytes.substr(6, 2));
  }
}

TEST(SparseRows, HaveTheSameFirstTokensWhateverTheirNumber) {
  std::mt19937 random(7);  // fixed: any seed will do
  std::vector<float> logits(1000);
  for (float& logit : logits) logit = static_cast<float>(random() % 50);
  const v1::SparseRow all = Select(logits, 1000);
  for (const uint32_t count : {1u, 2u, 31u, 500u, 999u}) {
    const v1::SparseRow some = Select(logits, count);
    ASSERT_EQ(some.token_ids_size(), static_cast<int>(count));
    for (int i = 0; i < some.token_ids_size(); ++i) {
      EXPECT_EQ(some.token_ids(i), all.token_ids(i)) << count;
    }
    EXPECT_EQ(some.log_sum_exp(), all.log_sum_exp());
  }
}

}  // namespace
}  // namespace boltzmann::client
