// Thousands of random rows with random parameters, each judged by the reference.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/core/agreement.h"
#include "tests/core/random_rows.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

constexpr int kRowsJudged = kSlowBuild ? kRowsPerShard / 10 : kRowsPerShard;
constexpr int kRowsPerBatch = 20;

class Oracle : public testing::TestWithParam<int> {};

TEST_P(Oracle, AgreesOnEveryTokenKeptSetAndLogprobOfRandomRows) {
  RandomRows random(GetParam());
  ExpectAgreementOfBatches(random, kRowsJudged, kRowsPerBatch);
}

INSTANTIATE_TEST_SUITE_P(Shards, Oracle, testing::Range(0, kShards));

}  // namespace
}  // namespace boltzmann::test
