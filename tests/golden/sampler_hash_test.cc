// The answers to 5000 random rows with every sampler and edit there is, which must be the same on
// every machine and with each of its instruction sets. The samplers' oracle in tests/core judges
// the same rows.
#include <iterator>
#include <string>
#include <tuple>

#include "core/engine.h"
#include "gtest/gtest.h"
#include "tests/core/random_samplers.h"
#include "tests/core/rows.h"
#include "tests/golden/row_hash.h"

namespace boltzmann::test {
namespace {

// One line a shard of five hundred rows.
constexpr RowHash kTable[] = {
#include "tests/golden/sampler_hash.inc"
};
static_assert(std::size(kTable) == kSamplerShards);

using SetAndShard = std::tuple<core::InstructionSet, int>;

class SamplerHashes : public testing::TestWithParam<SetAndShard> {};

TEST_P(SamplerHashes, AreThoseOfTheFrozenTable) {
  const auto [set, shard] = GetParam();
  if (!IsSupported(set)) GTEST_SKIP() << core::NameOf(set) << ": not on this machine";
  core::Engine engine({.worker_count = 2, .instruction_set = set});
  ASSERT_EQ(engine.instruction_set(), set);
  const RowHash hash = HashSamplerShard(engine, shard);
  ASSERT_EQ(hash.logits, kTable[shard].logits) << "the rows themselves differ";
  EXPECT_EQ(hash.answers, kTable[shard].answers);
}

std::string NameOfCase(const testing::TestParamInfo<SetAndShard>& info) {
  const auto [set, shard] = info.param;
  return std::string(core::NameOf(set)) + "_" + std::to_string(shard);
}

INSTANTIATE_TEST_SUITE_P(, SamplerHashes,
                         testing::Combine(testing::ValuesIn(kAllInstructionSets),
                                          testing::Range(0, kSamplerShards)),
                         NameOfCase);

}  // namespace
}  // namespace boltzmann::test
