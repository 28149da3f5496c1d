// Thousands of random rows with random parameters, each judged by the reference.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/core/agreement.h"
#include "tests/core/random_rows.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(NDEBUG)
constexpr bool kSlowBuild = true;
#elif defined(__has_feature)
constexpr bool kSlowBuild = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSlowBuild = false;
#endif

constexpr int kRowsJudged = kSlowBuild ? kRowsPerShard / 10 : kRowsPerShard;
constexpr int kRowsPerBatch = 20;

class Oracle : public testing::TestWithParam<int> {};

TEST_P(Oracle, AgreesOnEveryTokenKeptSetAndLogprobOfRandomRows) {
  core::Engine engine({.worker_count = 2});
  RandomRows random(GetParam());
  int ties = 0;
  for (int done = 0; done < kRowsJudged; done += kRowsPerBatch) {
    std::vector<Row> rows;
    for (int i = 0; i < kRowsPerBatch; ++i) rows.push_back(random.Next());
    const Sampled sampled(engine, rows);
    for (int i = 0; i < kRowsPerBatch; ++i) {
      SCOPED_TRACE("row " + std::to_string(done + i));
      const Agreement agreement = Compare(rows[i], sampled[i]);
      if (agreement == Agreement::kNone) return;
      ties += agreement == Agreement::kTie;
    }
  }
  // Where two sums of doubles in different orders may decide differently: hardly ever.
  EXPECT_LE(ties, 1);
  RecordProperty("ties", ties);
}

INSTANTIATE_TEST_SUITE_P(Shards, Oracle, testing::Range(0, kShards));

}  // namespace
}  // namespace boltzmann::test
