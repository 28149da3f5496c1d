// Hundreds of random sequences, each judged by the reference.
#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/core/agreement.h"
#include "tests/core/random_sequences.h"
#include "tests/core/rows.h"
#include "tests/core/sequences.h"
#include "tests/reference_verify.h"

namespace boltzmann::test {
namespace {

constexpr int kShards = 4;
constexpr int kSequences = kSlowBuild ? 40 : 400;
constexpr int kSequencesPerBatch = 8;

// Closer calls may be decided either way by the last bits of a double.
constexpr double kTieMargin = 1e-12;

// The one row of `table` that speaks of the token with this id. REQUIRES: it lists all tokens.
core::TokenTable Only(core::TokenTable table, int32_t token) {
  const auto one = [token](auto column) {
    return column.empty() ? column : column.subspan(token, 1);
  };
  return {one(table.token_ids), one(table.model_logprobs), one(table.sampled_logprobs),
          one(table.ranks)};
}

// That a row which emitted a token is answered as Sample would, which the reference judges.
void ExpectAsSampled(Row row, std::optional<double> mu, const core::RowResult& got) {
  row.state.mirostat_mu = mu;
  const Sampled sampled(SharedEngine(), row);
  if (Compare(row, sampled[0]) != Agreement::kFull) return;
  core::RowResult expected = sampled[0];
  expected.drawn = Only(expected.named, got.drawn.token_ids[0]);
  expected.mirostat_mu = got.mirostat_mu;
  EXPECT_EQ(Print(got), Print(expected));
}

void ExpectClose(std::optional<double> got, std::optional<double> expected) {
  ASSERT_EQ(got.has_value(), expected.has_value());
  if (got) {
    EXPECT_NEAR(*got, *expected, 1e-6 * std::max(1.0, std::abs(*expected)));
  }
}

// A row that has no answer tells nothing but why.
void ExpectBad(const core::RowResult& got, const ReferenceResult& expected) {
  core::RowResult bad;
  bad.status = expected.status;
  bad.offending_token = expected.offending_token;
  int32_t none = -1;
  bad.drawn.token_ids = absl::MakeSpan(&none, 1);
  EXPECT_EQ(Print(got), Print(bad));
}

// Compares all of one sequence; whether some call in it was too close to be judged.
bool IsTieOrAgrees(const Sequence& sequence, const Verified& verified, size_t index) {
  const ReferenceVerified expected = ReferenceVerify(sequence.ForReference());
  if (expected.margin < kTieMargin) return true;
  EXPECT_EQ(verified.AcceptedCount(index), expected.accepted_count);
  EXPECT_EQ(verified.Tokens(index), expected.token_ids);
  if (testing::Test::HasFailure()) return false;
  std::optional<double> mu = sequence.first.state.mirostat_mu;
  for (size_t i = 0; i < expected.positions.size(); ++i) {
    SCOPED_TRACE("position " + std::to_string(i));
    const core::RowResult& got = verified.At(index, i);
    EXPECT_EQ(got.status, expected.positions[i].status);
    if (expected.positions[i].status != core::RowStatus::kOk) {
      ExpectBad(got, expected.positions[i]);
      continue;
    }
    ExpectAsSampled(sequence.At(i), mu, got);
    ExpectClose(got.mirostat_mu, expected.positions[i].mirostat_mu);
    mu = got.mirostat_mu;
  }
  return false;
}

class VerifyOracle : public testing::TestWithParam<int> {};

TEST_P(VerifyOracle, AgreesOnEveryTokenCountAndLogprobOfRandomSequences) {
  core::Engine engine({.worker_count = 2});
  RandomSequences random(GetParam());
  int ties = 0, accepted = 0, drafted = 0;
  for (int done = 0; done < kSequences; done += kSequencesPerBatch) {
    std::vector<Sequence> sequences;
    for (int i = 0; i < kSequencesPerBatch; ++i) sequences.push_back(random.Next());
    const Verified verified(engine, sequences);
    for (int i = 0; i < kSequencesPerBatch; ++i) {
      SCOPED_TRACE("sequence " + std::to_string(done + i));
      ties += IsTieOrAgrees(sequences[i], verified, i);
      if (HasFailure()) return;
      accepted += static_cast<int>(verified.AcceptedCount(i));
      drafted += static_cast<int>(sequences[i].drafts.size());
    }
  }
  // Probabilities that are rounding errors apart: where a draft is the target itself.
  EXPECT_LE(ties, kSequences / 20);
  // Neither all nor none.
  EXPECT_TRUE(accepted > drafted / 10 && accepted < drafted * 9 / 10) << accepted << drafted;
}

INSTANTIATE_TEST_SUITE_P(Shards, VerifyOracle, testing::Range(0, kShards));

}  // namespace
}  // namespace boltzmann::test
