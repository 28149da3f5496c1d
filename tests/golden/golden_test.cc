// Answers that must never change: a seed recorded today must give the same token, and the
// same bits of every number, with every later version on every machine.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/core/agreement.h"
#include "tests/core/rows.h"
#include "tests/golden/golden_rows.h"

namespace boltzmann::test {
namespace {

// One line a row, as Print gives it: ids in decimal, floats as their bits in hexadecimal.
const char* const kTable[] = {
#include "tests/golden/golden_table.inc"
};

class GoldenOn : public testing::TestWithParam<core::InstructionSet> {};

TEST_P(GoldenOn, TokensAndBitsAreThoseOfTheFrozenTable) {
  if (!IsSupported(GetParam())) GTEST_SKIP() << core::NameOf(GetParam()) << ": not on this machine";
  core::Engine engine({.worker_count = 1, .instruction_set = GetParam()});
  ASSERT_EQ(engine.instruction_set(), GetParam());
  const std::vector<Row> rows = GoldenRows();
  ASSERT_EQ(rows.size(), std::size(kTable));
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(SampleAndPrint(engine, rows[i]), kTable[i]) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(, GoldenOn, testing::ValuesIn(kAllInstructionSets),
                         [](const auto& set) { return std::string(core::NameOf(set.param)); });

// A table that was frozen wrong would be no use.
TEST(Golden, RowsAgreeWithTheReference) {
  for (const Row& row : GoldenRows()) ExpectAgreement(row);
}

}  // namespace
}  // namespace boltzmann::test
