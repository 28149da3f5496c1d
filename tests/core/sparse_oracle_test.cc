// Random rows cut down to their first tokens: where such a row says that it is OK, it must say what
// the full row does, by the judge.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/core/candidates.h"
#include "tests/core/random_samplers.h"
#include "tests/core/rows.h"
#include "tests/reference.h"

namespace boltzmann::test {
namespace {

constexpr int kShards = 6;
constexpr int kRows = kSlowBuild ? 50 : 500;
constexpr int kCutsOfEachRow = 4;

using core::RowStatus;

// Of one size and with or without log_sum_exp. Where that is as coarse as the mass it would tell,
// it tells nothing, and is left out.
CutRow RandomCut(Stream& s, const Row& full) {
  const int64_t v = full.vocab_size();
  const int64_t any = 1 + s.Below(v);
  const int64_t count = std::min(v, s.Of<int64_t>({1, 3, 10, 50, 120, 1000, v - 1, v, any, any}));
  CutRow row = Cut(full, static_cast<size_t>(std::max<int64_t>(1, count)), s);
  const double log_sum_exp = LogSumExp(full);
  if (s.Below(2) == 0 && std::abs(log_sum_exp) < 1000) row.log_sum_exp = log_sum_exp;
  return row;
}

// Stages rather alone than all together: what each does by itself is then seen.
void Simplify(Stream& s, Row& row) {
  core::SamplingParams& p = row.params;
  if (s.Below(2) == 0) p.top_n_sigma = 0;
  if (s.Below(2) == 0) p.dynamic_temperature_range = 0;
  if (s.Below(2) == 0) p.typical_p = 1;
  if (s.Below(2) == 0) p.eta_cutoff = 0;
  if (s.Below(3) == 0) p.repetition_penalty = 1;
  if (s.Below(3) == 0) p.temperature = p.dynamic_temperature_range > 0 ? p.temperature : 1;
}

struct Counts {
  int ok = 0;
  int exhausted = 0;
};

void Judge(const CutRow& row, const core::RowResult& got, const ReferenceResult& full,
           Counts& counts) {
  const bool whole = row.token_ids.size() == row.full.logits.widened().size();
  if (whole) {
    EXPECT_EQ(got.status, full.status);
  }
  if (got.status == RowStatus::kOk) {
    ++counts.ok;
    ExpectComplete(row, got);
    ExpectAsFull(row, got, full);
  } else if (got.status == RowStatus::kCandidatesExhausted) {
    ++counts.exhausted;
    ExpectComplete(row, got);
  } else {
    // No candidate may be drawn, which is all that is known if some other token may be.
    EXPECT_EQ(got.status, RowStatus::kNoAllowedToken);
    for (int32_t t : full.kept) {
      EXPECT_EQ(std::count(row.token_ids.begin(), row.token_ids.end(), t), 0) << t;
    }
  }
}

class SparseOracle : public testing::TestWithParam<int> {};

TEST_P(SparseOracle, OfARowThatIsOkIsThatOfTheFullRow) {
  core::Engine engine({.worker_count = 2});
  RandomSamplers random(200 + GetParam());
  Stream s(static_cast<uint64_t>(GetParam()));
  Counts counts;
  for (int i = 0; i < kRows; ++i) {
    SCOPED_TRACE("row " + std::to_string(i));
    Row row = random.Next();
    Simplify(s, row);
    const ReferenceResult full = Reference(row.logits.widened(), row.params, row.state);
    if (full.offending_token >= 0) continue;
    std::vector<CutRow> cuts;
    for (int k = 0; k < kCutsOfEachRow; ++k) cuts.push_back(RandomCut(s, row));
    const CutSampled sampled(engine, cuts);
    for (int k = 0; k < kCutsOfEachRow; ++k) {
      SCOPED_TRACE(std::to_string(cuts[k].token_ids.size()) + " of " +
                   std::to_string(row.vocab_size()) + (cuts[k].log_sum_exp ? " with sum" : ""));
      Judge(cuts[k], sampled[k], full, counts);
      if (HasFailure()) return;
    }
  }
  // Both happen, often enough for the test to say something.
  EXPECT_GT(counts.ok, kRows);
  EXPECT_GT(counts.exhausted, kRows / 2);
}

// Cutoffs of any depth, in any order, nothing else: where the mass of what was not sent counts.
Row RandomCutoffs(Stream& s) {
  const auto size = static_cast<size_t>(2 + s.Below(s.Of<int64_t>({6, 60, 600})));
  Row row{.logits = Encoded(BellLogits(size, s.Next(), s.Of({.5, 1.5, 2.5}), s.Of({0x1p-16, .5})))};
  const auto share = [&s] { return s.Below(2) == 0 ? 0.0 : std::exp(-7 * s.Unit()); };
  row.params.min_p = share();
  row.params.epsilon_cutoff = share() * .9;
  row.params.top_p = s.Of({1.0, s.Unit() * .9 + .1, .95});
  row.params.xtc_probability = s.Below(3) == 0 ? 1 : 0;
  row.params.xtc_threshold = s.Of({.1, .3 * s.Unit()});
  row.params.mirostat = s.Below(3) == 0 ? 2 : 0;
  row.params.mirostat_tau = 4 * s.Unit();
  row.state.seed = s.Next();
  row.outputs = AskAll(size);
  RowLists lists;
  const auto all = core::DefaultOrder();
  lists.filter_order.assign(all.begin(), all.end());
  for (size_t i = lists.filter_order.size(); i > 1; --i) {
    std::swap(lists.filter_order[i - 1], lists.filter_order[s.Below(static_cast<int64_t>(i))]);
  }
  row.Keep(std::move(lists));
  return row;
}

TEST_P(SparseOracle, OfCutoffsOneAfterTheOtherIsThatOfTheFullRow) {
  Stream s(100 + static_cast<uint64_t>(GetParam()));
  Counts counts;
  for (int i = 0; i < kRows; ++i) {
    SCOPED_TRACE("row " + std::to_string(i));
    const Row row = RandomCutoffs(s);
    CutRow cut = Cut(row, static_cast<size_t>(1 + s.Below(row.vocab_size())), s);
    if (s.Below(5) != 0) cut.log_sum_exp = LogSumExp(row);
    const CutSampled sampled(cut);
    Judge(cut, sampled[0], Reference(row.logits.widened(), row.params, row.state), counts);
    if (HasFailure()) return;
  }
  EXPECT_GT(counts.ok, kRows / 4);
  EXPECT_GT(counts.exhausted, kRows / 10);
}

INSTANTIATE_TEST_SUITE_P(Shards, SparseOracle, testing::Range(0, kShards));

}  // namespace
}  // namespace boltzmann::test
