// The answers to 10,000 random rows, which must be the same on every machine and with each of
// its instruction sets. The oracle in tests/core judges the same rows.
#include "tests/golden/row_hash.h"

#include <iterator>
#include <string>
#include <tuple>

#include "core/engine.h"
#include "gtest/gtest.h"
#include "tests/core/random_rows.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

// One line a shard of a thousand rows.
constexpr RowHash kTable[] = {
#include "tests/golden/row_hash.inc"
};
static_assert(std::size(kTable) == kShards);

using SetAndShard = std::tuple<core::InstructionSet, int>;

class RowHashes : public testing::TestWithParam<SetAndShard> {};

TEST_P(RowHashes, AreThoseOfTheFrozenTable) {
  const auto [set, shard] = GetParam();
  if (!IsSupported(set)) GTEST_SKIP() << core::NameOf(set) << ": not on this machine";
  core::Engine engine({.worker_count = 2, .instruction_set = set});
  ASSERT_EQ(engine.instruction_set(), set);
  const RowHash hash = HashShard(engine, shard);
  ASSERT_EQ(hash.logits, kTable[shard].logits) << "the rows themselves differ";
  EXPECT_EQ(hash.answers, kTable[shard].answers);
}

std::string NameOfCase(const testing::TestParamInfo<SetAndShard>& info) {
  const auto [set, shard] = info.param;
  return std::string(core::NameOf(set)) + "_" + std::to_string(shard);
}

INSTANTIATE_TEST_SUITE_P(, RowHashes,
                         testing::Combine(testing::ValuesIn(kAllInstructionSets),
                                          testing::Range(0, kShards)),
                         NameOfCase);

}  // namespace
}  // namespace boltzmann::test
