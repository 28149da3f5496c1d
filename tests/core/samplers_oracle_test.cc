// Thousands of random rows with every sampler and edit there is, each judged by the reference;
// and the reference judged by what must hold of any answer.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/core/agreement.h"
#include "tests/core/random_samplers.h"
#include "tests/core/rows.h"
#include "tests/reference.h"

namespace boltzmann::test {
namespace {

constexpr int kRowsJudged = kSlowBuild ? kSamplerRowsPerShard / 10 : kSamplerRowsPerShard;
constexpr int kRowsPerBatch = 10;

class SamplersOracle : public testing::TestWithParam<int> {};

TEST_P(SamplersOracle, AgreesOnEveryTokenKeptSetAndLogprobOfRandomRows) {
  RandomSamplers random(GetParam());
  ExpectAgreementOfBatches(random, kRowsJudged, kRowsPerBatch);
}

INSTANTIATE_TEST_SUITE_P(Shards, SamplersOracle, testing::Range(0, kSamplerShards));

// What must hold of the sampled distribution.
void ExpectDistribution(const ReferenceResult& r) {
  ASSERT_FALSE(r.kept.empty());
  double sum = 0;
  for (double l : r.sampled_logprobs) sum += std::exp(l);
  EXPECT_NEAR(sum, 1, 1e-9);
  EXPECT_TRUE(r.kept_mass >= 0 && r.kept_mass <= 1 + 1e-9) << r.kept_mass;
  for (size_t i = 0; i < r.kept.size(); ++i) {
    const double logprob = r.sampled_logprobs[r.kept[i]];
    EXPECT_TRUE(logprob > -kInf && r.model_logprobs[r.kept[i]] > -kInf);
    EXPECT_LE(logprob, r.sampled_logprobs[r.kept[i - (i > 0)]]);
  }
  for (int32_t t : r.drawn) EXPECT_NE(std::count(r.kept.begin(), r.kept.end(), t), 0) << t;
}

// What must hold of the stages' reports.
void ExpectStages(const ReferenceResult& r) {
  size_t before = r.order.size();
  for (const ReferenceStage& stage : r.stages) {
    EXPECT_TRUE(stage.token_count >= 1 && stage.token_count <= before) << stage.name;
    EXPECT_TRUE(stage.mass >= 0 && stage.mass <= 1 + 1e-9) << stage.name << " " << stage.mass;
    EXPECT_LE(stage.entropy, std::log2(stage.token_count) + 1e-9) << stage.name;
    EXPECT_TRUE(stage.temperature == 0 || stage.temperature >= 1e-5) << stage.temperature;
    before = stage.token_count;
  }
  if (r.stages.empty()) return;
  EXPECT_EQ(r.stages.back().token_count, r.kept.size());
  EXPECT_NEAR(r.stages.back().entropy, r.sampled_entropy, 1e-9);
}

TEST(Reference, GivesADistributionThatEveryStageNarrows) {
  RandomSamplers random(kSamplerShards);
  int answered = 0;
  for (int i = 0; i < kRowsJudged; ++i) {
    const Row row = random.Next();
    SCOPED_TRACE("row " + std::to_string(i));
    const ReferenceResult r = Reference(row.logits.widened(), row.params, row.state);
    if (r.status != core::RowStatus::kOk) continue;
    ++answered;
    ExpectDistribution(r);
    ExpectStages(r);
    EXPECT_TRUE(std::isfinite(r.mirostat_mu.value_or(0))) << *r.mirostat_mu;
  }
  EXPECT_GT(answered, kRowsJudged * 3 / 4);
}

}  // namespace
}  // namespace boltzmann::test
