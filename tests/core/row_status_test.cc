// Rows that cannot be sampled, and the neighbours that must not notice.
#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/agreement.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

using core::DataType;
using core::RowStatus;
using testing::Each;
using testing::HasSubstr;

Row FullRow(const std::vector<float>& logits, DataType type = DataType::kFloat32) {
  return {.logits = Encoded(logits, type),
          .outputs = AskAll(logits.size()),
          .named = {0, static_cast<int32_t>(logits.size()) - 1},
          .state = {.seed = 1, .position = 2, .draw_count = 3}};
}

// Samples a row in which some logits are replaced, and checks that nothing but the status,
// the offending token and token -1 comes back.
void ExpectBad(std::vector<float> logits, const std::vector<std::pair<int32_t, float>>& replaced,
               RowStatus status, int32_t offending_token) {
  for (const auto& [token, logit] : replaced) logits[token] = logit;
  for (DataType type : kDataTypes) {
    const Row row = FullRow(logits, type);
    const Sampled sampled(SharedEngine(), row);
    EXPECT_EQ(sampled[0].status, status);
    EXPECT_EQ(sampled[0].offending_token, offending_token);
    EXPECT_THAT(sampled[0].drawn.token_ids, testing::ElementsAre(-1, -1, -1));
    EXPECT_EQ(Compare(row, sampled[0]), Agreement::kFull);
  }
}

class RowStatusOfSize : public testing::TestWithParam<int32_t> {};

TEST_P(RowStatusOfSize, NamesTheFirstNanWhereverItStands) {
  const int32_t v = GetParam();
  const std::vector<float> logits = BellLogits(v, 1);
  for (int32_t token : {0, v / 2, v - 1}) {
    ExpectBad(logits, {{token, kNan}}, RowStatus::kNanLogit, token);
    ExpectBad(logits, {{v - 1, kNan}, {token, -kNan}}, RowStatus::kNanLogit, token);
  }
}

TEST_P(RowStatusOfSize, NamesTheFirstPositiveInfinityWhereverItStands) {
  const int32_t v = GetParam();
  const std::vector<float> logits = BellLogits(v, 1);
  for (int32_t token : {0, v / 2, v - 1}) {
    ExpectBad(logits, {{token, kInf}}, RowStatus::kPositiveInfinity, token);
    ExpectBad(logits, {{v - 1, kInf}, {token, kInf}}, RowStatus::kPositiveInfinity, token);
  }
}

TEST_P(RowStatusOfSize, PutsNanBeforeInfinityInEitherOrder) {
  const int32_t v = GetParam();
  if (v < 2) return;
  const std::vector<float> logits = BellLogits(v, 1);
  ExpectBad(logits, {{0, kInf}, {v - 1, kNan}}, RowStatus::kNanLogit, v - 1);
  ExpectBad(logits, {{0, kNan}, {v - 1, kInf}}, RowStatus::kNanLogit, 0);
}

TEST_P(RowStatusOfSize, SeesNanAndInfinityAmongNothingButMinusInfinity) {
  const std::vector<float> logits(GetParam(), -kInf);
  ExpectBad(logits, {{GetParam() - 1, kNan}}, RowStatus::kNanLogit, GetParam() - 1);
  ExpectBad(logits, {{GetParam() - 1, kInf}}, RowStatus::kPositiveInfinity, GetParam() - 1);
}

TEST_P(RowStatusOfSize, SaysWhenEveryLogitIsMinusInfinity) {
  ExpectBad(std::vector<float>(GetParam(), -kInf), {}, RowStatus::kNoAllowedToken, -1);
}

TEST_P(RowStatusOfSize, IsOkIfOneLogitIsFinite) {
  for (int32_t token : {0, GetParam() / 2, GetParam() - 1}) {
    std::vector<float> logits(GetParam(), -kInf);
    logits[token] = -3.5f;
    const Row row = FullRow(logits);
    const Sampled sampled(SharedEngine(), row);
    EXPECT_EQ(sampled[0].status, RowStatus::kOk);
    EXPECT_THAT(sampled[0].drawn.token_ids, Each(token));
    EXPECT_THAT(sampled[0].drawn.model_logprobs, Each(0.0f));
    EXPECT_EQ(*sampled[0].kept_count, 1u);
    EXPECT_EQ(Compare(row, sampled[0]), Agreement::kFull);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, RowStatusOfSize, testing::Values(1, 2, 255, 256, 257, 3000, 50257));

// The statuses of a greedy row, which may take a shorter way through the code.
TEST(RowStatus, OfGreedyRowsIsTheSame) {
  for (float bad : {kNan, kInf}) {
    Row row{.logits = Encoded({1, 2, bad, 3})};
    row.params.temperature = 0;
    row.outputs.model_logprobs = row.outputs.sampled_logprobs = false;
    ExpectAgreement(row);
  }
  Row row{.logits = Encoded({-kInf, -kInf}), .params = {.temperature = 0}};
  ExpectAgreement(row);
}

TEST(RowStatus, OfABadRowLeavesItsNeighboursAsTheyAre) {
  const std::vector<float> good = BellLogits(1000, 7);
  std::vector<Row> rows;
  for (int i = 0; i < 9; ++i) {
    std::vector<float> logits = good;
    if (i % 2 == 1) {
      if (i == 7) std::fill(logits.begin(), logits.end(), -kInf);
      logits[i] = i == 7 ? -kInf : i == 5 ? kInf : kNan;
    }
    rows.push_back(FullRow(logits));
  }
  const std::string alone = SampleAndPrint(rows[0]);
  const Sampled sampled(SharedEngine(), rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(Compare(rows[i], sampled[i]), Agreement::kFull);
    if (i % 2 == 0) {
      EXPECT_EQ(Print(sampled[i]), alone);
    }
  }
}

TEST(RowStatus, IsExplainedForPeopleUnlessItIsOk) {
  const auto explain = [](std::initializer_list<float> logits) {
    const Row row{.logits = Encoded(logits)};
    const Sampled sampled(SharedEngine(), row);
    return core::Explain(sampled[0]);
  };
  EXPECT_EQ(explain({1, 2, 3}), "");
  EXPECT_THAT(explain({1, 2, kNan}), testing::AllOf(HasSubstr("NaN"), HasSubstr("2")));
  EXPECT_THAT(explain({1, kInf, 3}), testing::AllOf(HasSubstr("infinity"), HasSubstr("1")));
  EXPECT_THAT(explain({-kInf, -kInf}), HasSubstr("infinity"));
}

}  // namespace
}  // namespace boltzmann::test
