// Small rows whose answers are worked out by hand, put to the reference and to the core alike.
#ifndef BOLTZMANN_TESTS_CORE_BY_EYE_H_
#define BOLTZMANN_TESTS_CORE_BY_EYE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/batch.h"
#include "gtest/gtest.h"
#include "tests/core/rows.h"

namespace boltzmann::test {

enum class Who { kReference, kCore };

inline constexpr Who kBoth[] = {Who::kReference, Who::kCore};

// Their names, as test suites want them.
std::string NameOfWho(const testing::TestParamInfo<Who>& who);

// A token and its probability.
struct TokenShare {
  int32_t token_id;
  double probability;
};

// What somebody says of a row.
struct Answer {
  core::RowStatus status = core::RowStatus::kOk;
  int32_t offending_token = -1;
  std::vector<int32_t> drawn = {};
  std::vector<TokenShare> left = {};    // what was drawn from, in the total order
  std::vector<TokenShare> model = {};   // the row as received, in the total order
  std::vector<int32_t> top_ranks = {};  // of `model`
  double kept_mass = 0;
  std::optional<double> mirostat_mu = {};
  std::vector<core::StageReport> stages = {};
};

Answer Ask(Who who, const Row& row);

// A row of tokens with these probabilities, and of these logits. Its position, seed and draws
// are those of an empty RowState.
Row Likely(const std::vector<double>& probabilities, const core::SamplingParams& params = {},
           RowLists lists = {});
Row Raw(const std::vector<float>& logits, const core::SamplingParams& params = {},
        RowLists lists = {});

// The same of tokens 0 to 3 with the probabilities .1, .2, .3 and .4.
Row Four(const core::SamplingParams& params = {}, RowLists lists = {});

// Tests that are asked of both.
class ByEye : public testing::TestWithParam<Who> {
 protected:
  Answer Ask(const Row& row) const { return test::Ask(GetParam(), row); }

  // That the row is drawn from just these tokens, in this order, with these probabilities to
  // within 1e-6, and that a token among them is drawn.
  testing::AssertionResult Leaves(const Row& row, const std::vector<TokenShare>& expected) const;

  // That no stage and no edit changes anything of Four().
  testing::AssertionResult LeavesAllFour(const Row& row) const {
    return Leaves(row, {{3, .4}, {2, .3}, {1, .2}, {0, .1}});
  }
};

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CORE_BY_EYE_H_
