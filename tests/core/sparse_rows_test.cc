// Sparse rows by construction: where the candidates are enough a row never says otherwise, and
// where the full row's answer is another it always does.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/core/candidates.h"
#include "tests/core/rows.h"
#include "tests/reference.h"

namespace boltzmann::test {
namespace {

using core::RowStatus;
using core::SamplingParams;
using Tokens = std::vector<int32_t>;

constexpr int kRows = 200;

// Closer calls may be decided either way by the last bits of a double.
constexpr double kTieMargin = 1e-11;

ReferenceResult Judge(const Row& row) {
  return Reference(row.logits.widened(), row.params, row.state);
}

// A row of up to 3000 logits of one of the three types, often with ties.
Row RandomRow(Stream& s, const SamplingParams& params) {
  const auto size = static_cast<size_t>(2 + s.Below(s.Of<int64_t>({20, 300, 3000})));
  const double width = s.Of({1.0, 2.5, 6.0}), step = s.Of({0x1p-16, 0.25, 1.0});
  const std::vector<float> logits = BellLogits(size, s.Next(), width, step);
  Row row{.logits = Encoded(logits, kDataTypes[s.Below(3)]), .params = params};
  row.outputs = AskAll(size);
  row.state = {.seed = s.Next(), .position = s.Next(), .draw_count = 5};
  return row;
}

CutRow RandomCut(Stream& s, const Row& row, bool with_sum) {
  CutRow cut = Cut(row, static_cast<size_t>(1 + s.Below(row.vocab_size())), s);
  if (with_sum) cut.log_sum_exp = LogSumExp(row);
  return cut;
}

// Samples a cut row, whose answer must be the full row's.
void ExpectOk(const CutRow& cut) {
  const CutSampled sampled(cut);
  ASSERT_EQ(sampled[0].status, RowStatus::kOk)
      << cut.token_ids.size() << " of " << cut.full.vocab_size();
  ExpectComplete(cut, sampled[0]);
  ExpectAsFull(cut, sampled[0], Judge(cut.full));
}

void ExpectExhausted(const CutRow& cut) {
  const CutSampled sampled(cut);
  ASSERT_EQ(sampled[0].status, RowStatus::kCandidatesExhausted)
      << cut.token_ids.size() << " of " << cut.full.vocab_size();
  ExpectComplete(cut, sampled[0]);
}

// Samples a cut row that may say that its candidates do not tell, or else must be right.
void ExpectRightIfOk(const CutRow& cut) {
  const CutSampled sampled(cut);
  if (sampled[0].status != RowStatus::kCandidatesExhausted) {
    ExpectAsFull(cut, sampled[0], Judge(cut.full));
  }
}

// Logits of tokens with these weights.
Encoded Weighing(const std::vector<double>& weights) {
  std::vector<float> logits;
  for (double w : weights) logits.push_back(static_cast<float>(std::log(w)));
  return Encoded(logits);
}

TEST(SparseRow, OfTopKUpToTheNumberOfCandidatesIsNeverExhausted) {
  Stream s(1);
  for (int i = 0; i < kRows; ++i) {
    Row row = RandomRow(s, {.temperature = s.Of({1.0, .3, 2.0, 1e30})});
    row.params.min_p = s.Of({0.0, .01, .5});
    row.params.typical_p = s.Of({1.0, .9});
    row.params.top_p = s.Of({1.0, .5, .99});
    row.params.epsilon_cutoff = s.Of({0.0, .01});
    row.params.eta_cutoff = s.Of({0.0, .01});
    row.params.xtc_probability = s.Of({0.0, 1.0});
    row.params.mirostat = s.Of({0u, 2u});
    if (row.params.mirostat > 0) row.state.draw_count = 1;
    const CutRow cut = RandomCut(s, row, s.Below(2) == 0);
    const auto count = static_cast<int64_t>(cut.token_ids.size());
    CutRow cut_to_k = cut;
    cut_to_k.full.params.top_k = static_cast<int32_t>(1 + s.Below(count));
    ExpectOk(cut_to_k);
    cut_to_k.full.params.top_k = static_cast<int32_t>(count);
    ExpectOk(cut_to_k);
  }
}

TEST(SparseRow, OfANucleusInsideIsNotExhaustedIfTheSumIsKnown) {
  Stream s(2);
  int inside = 0;
  for (int i = 0; i < 3 * kRows; ++i) {
    const Row row = RandomRow(s, {.top_p = s.Of({.05, .3, .8, .95})});
    const CutRow cut = RandomCut(s, row, true);
    const ReferenceResult full = Judge(row);
    if (full.kept_margin < kTieMargin) continue;
    if (full.kept.size() < cut.token_ids.size()) {
      ExpectOk(cut);
      ++inside;
    } else if (full.kept.size() > cut.token_ids.size()) {
      ExpectExhausted(cut);
    }
  }
  EXPECT_GT(inside, kRows);
}

// The mass of the candidates is 6 of 8, so no other token has less than 0.7 before it.
TEST(SparseRow, OfANucleusThatEndsWithItsLastCandidateIsNotExhausted) {
  Stream s(18);
  const Row row{.logits = Weighing({4, 2, 1, 1}), .params = {.top_p = .7}};
  EXPECT_EQ(Judge(row).kept, (Tokens{0, 1}));
  CutRow cut = Cut(row, 2, s);
  cut.log_sum_exp = LogSumExp(row);
  ExpectOk(cut);
}

TEST(SparseRow, OfANucleusIsExhaustedIfTheSumIsNotKnownAndCouldBeLarge) {
  Stream s(3);
  const Row row{.logits = {2, 1, 1, 1, 1, 1, 1, 1}, .params = {.top_p = .5}};
  EXPECT_EQ(Judge(row).kept.size(), 4u);
  CutRow cut = Cut(row, 5, s);
  ExpectExhausted(cut);
  cut.log_sum_exp = LogSumExp(row);
  ExpectOk(cut);
}

TEST(SparseRow, OfMinPIsNotExhaustedIfTheBoundLiesInside) {
  Stream s(4);
  int inside = 0;
  for (int i = 0; i < 3 * kRows; ++i) {
    const Row row =
        RandomRow(s, {.temperature = s.Of({1.0, .5, 3.0}), .min_p = s.Of({.9, .5, .1, .01, .001})});
    const CutRow cut = RandomCut(s, row, s.Below(2) == 0);
    const ReferenceResult full = Judge(row);
    if (full.kept_margin < kTieMargin) continue;
    if (full.kept.size() < cut.token_ids.size()) {
      ExpectOk(cut);
      ++inside;
    } else if (full.kept.size() > cut.token_ids.size()) {
      ExpectExhausted(cut);
    }
  }
  EXPECT_GT(inside, kRows);
}

TEST(SparseRow, OfAGreedyRowIsNeverExhausted) {
  Stream s(5);
  for (int i = 0; i < kRows; ++i) {
    const Row row = RandomRow(s, {.temperature = s.Of({0.0, 1e-6}),
                                  .min_p = s.Of({0.0, .1}),
                                  .top_p = s.Of({1.0, .9}),
                                  .typical_p = s.Of({1.0, .5})});
    ExpectOk(RandomCut(s, row, s.Below(2) == 0));
  }
}

TEST(SparseRow, OfAllTokensIsTheFullRowAndNeverExhausted) {
  Stream s(6);
  for (int i = 0; i < kRows; ++i) {
    Row row = RandomRow(s, {.top_p = s.Of({1.0, .9}), .top_n_sigma = s.Of({0.0, 1.0})});
    row.params.dynamic_temperature_range = s.Of({0.0, .5});
    CutRow cut = Cut(row, row.logits.widened().size(), s);
    ExpectOk(cut);
    cut.log_sum_exp = LogSumExp(row);
    ExpectOk(cut);
  }
}

TEST(SparseRow, DrawnFromWholeIsExhausted) {
  Stream s(7);
  for (int i = 0; i < kRows; ++i) {
    const Row row = RandomRow(s, {.temperature = s.Of({1.0, .5, 2.0})});
    const auto less = static_cast<size_t>(1 + s.Below(row.vocab_size() - 1));
    CutRow cut = Cut(row, less, s);
    ExpectExhausted(cut);
    cut.log_sum_exp = LogSumExp(row);
    ExpectExhausted(cut);
  }
}

TEST(SparseRow, DrawnFromWholeIsOkIfEveryOtherTokenIsImpossible) {
  Stream s(8);
  const Row row{.logits = {1, -kInf, 2, -kInf, -kInf, 0}};
  CutRow cut = Cut(row, 4, s);  // the three, and one at -infinity
  ExpectOk(cut);
}

// A mask that leaves these tokens, or these allowed ids, or a bias of +infinity.
Row OnlyAllowed(Row row, const Tokens& tokens, int64_t how) {
  RowLists lists;
  if (how == 0) lists.mask = MaskOf(tokens, row.logits.widened().size() / 32 + 1);
  if (how == 0) lists.mask->resize((row.logits.widened().size() + 31) / 32 * 4);
  if (how == 1) lists.allowed = tokens;
  if (how == 2) lists.bias_token_ids = tokens;
  if (how == 2) lists.biases.assign(tokens.size(), kInf);
  row.Keep(std::move(lists));
  return row;
}

TEST(SparseRow, ThatMayOnlyDrawCandidatesIsNeverExhausted) {
  Stream s(9);
  for (int i = 0; i < kRows; ++i) {
    Row row = RandomRow(s, {.temperature = s.Of({1.0, .5}),
                            .top_p = s.Of({1.0, .9}),
                            .typical_p = s.Of({1.0, .9}),
                            .eta_cutoff = s.Of({0.0, .01}),
                            .top_n_sigma = s.Of({0.0, 1.0})});
    row.params.dynamic_temperature_range = s.Of({0.0, .3});
    row.params.mirostat = s.Of({0u, 1u, 2u});
    row.state.draw_count = 1;
    CutRow cut = RandomCut(s, row, s.Below(2) == 0);
    Tokens some = cut.token_ids;
    some.resize(1 + s.Below(static_cast<int64_t>(some.size())));
    cut.full = OnlyAllowed(std::move(cut.full), some, s.Below(3));
    ExpectOk(cut);
  }
}

TEST(SparseRow, ThatMayDrawOneOtherTokenIsExhausted) {
  Stream s(10);
  const Row row{.logits = {5, 4, 3, 2, 1, 0}};
  for (int64_t how : {0, 1, 2}) {
    CutRow cut = Cut(row, 3, s);
    cut.full = OnlyAllowed(std::move(cut.full), {0, 1, 5}, how);
    ExpectExhausted(cut);
  }
}

// Eight tokens of logits 7 to 0, of which four are sent; the first two are kept.
CutRow FourOfEight(RowLists lists, const SamplingParams& params = {.top_k = 2}) {
  Stream s(11);
  Row row{.logits = {7, 6, 5, 4, 3, 2, 1, 0}, .params = params};
  row.outputs = AskAll(8);
  row.Keep(std::move(lists));
  return Cut(row, 4, s);
}

TEST(SparseRow, IsExhaustedIfATokenThatWasNotSentIsLifted) {
  ExpectExhausted(FourOfEight({.bias_token_ids = {6}, .biases = {10}}));
  ExpectExhausted(FourOfEight({.bias_token_ids = {6}, .biases = {10}}, {.temperature = 0}));
  ExpectExhausted(FourOfEight({.output = {6}}, {.top_k = 2, .frequency_penalty = -2}));
  ExpectExhausted(FourOfEight({.output = {6}}, {.top_k = 2, .presence_penalty = -2}));
  ExpectExhausted(FourOfEight({.prompt = {6}}, {.top_k = 2, .repetition_penalty = .1}));
}

TEST(SparseRow, IsNotExhaustedIfATokenThatWasNotSentIsLoweredOrRuledOut) {
  ExpectOk(FourOfEight({.bias_token_ids = {6}, .biases = {-10}}));
  ExpectOk(FourOfEight({.bias_token_ids = {6}, .biases = {-kInf}}));
  ExpectOk(FourOfEight({.banned = {4, 5}}));
  ExpectOk(FourOfEight({.output = {6, 5}}, {.top_k = 2, .frequency_penalty = 2}));
  ExpectOk(FourOfEight({.prompt = {6}}, {.top_k = 2, .repetition_penalty = 2}));
  ExpectOk(FourOfEight({.stop = {7}}, {.top_k = 2, .min_tokens = 9}));
}

TEST(SparseRow, IsOkAsLongAsWhatEditsLeaveInsideIsEnough) {
  ExpectOk(FourOfEight({.banned = {0, 1}}));
  ExpectOk(FourOfEight({.bias_token_ids = {3}, .biases = {20}}));
  ExpectOk(FourOfEight({.bias_token_ids = {0, 1}, .biases = {-2.5, -1.5}}));
  ExpectExhausted(FourOfEight({.banned = {0, 1, 2}}));
  ExpectExhausted(FourOfEight({.bias_token_ids = {0, 1, 2}, .biases = {-9, -9, -9}}));
}

TEST(SparseRow, WhoseNucleusEditsMayReachIsExhausted) {
  const SamplingParams nucleus = {.top_p = .9};
  CutRow cut = FourOfEight({}, nucleus);
  cut.log_sum_exp = LogSumExp(cut.full);
  ExpectOk(cut);
  // Without tokens 4 to 7 the same two or three make up nine tenths, or others do: .9 is far
  // enough from either.
  cut.full.Keep({.banned = {4, 5, 6, 7}});
  ExpectOk(cut);
}

// Two of three tokens of weights 2, 1 and 0.9 are sent, and the sum. Min-p cuts the third, so the
// second has 1/3, not 1 / 3.9, and is kept.
TEST(SparseRow, OfACutoffAfterMinPCountsNoTokenThatMinPMayHaveRemoved) {
  Stream s(12);
  const Row row{.logits = Weighing({2, 1, .9}), .params = {.min_p = .48, .epsilon_cutoff = .3}};
  EXPECT_EQ(Judge(row).kept, (Tokens{0, 1}));
  CutRow cut = Cut(row, 2, s);
  cut.log_sum_exp = LogSumExp(row);
  ExpectRightIfOk(cut);
}

// The tail of mass 1 is not sent; min-p cuts it. Before the third token there is then 6/9.
TEST(SparseRow, OfANucleusAfterMinPCountsNoTokenThatMinPMayHaveRemoved) {
  Stream s(13);
  std::vector<double> weights = {4, 2, 2, 1};
  weights.resize(14, .1);
  const Row row{.logits = Weighing(weights), .params = {.min_p = .1, .top_p = .65}};
  EXPECT_EQ(Judge(row).kept, (Tokens{0, 1}));
  CutRow cut = Cut(row, 4, s);
  cut.log_sum_exp = LogSumExp(row);
  ExpectRightIfOk(cut);
}

// Of weights 4, 3 and 3 the nucleus keeps two, of which the second then has 3/7; the two are sent.
TEST(SparseRow, OfACutoffAfterANucleusCountsNoTokenThatTheNucleusRemoved) {
  Stream s(19);
  const Row row{.logits = Weighing({4, 3, 3}), .params = {.top_p = .65, .epsilon_cutoff = .35}};
  EXPECT_EQ(Judge(row).kept, (Tokens{0, 1}));
  CutRow cut = Cut(row, 2, s);
  cut.log_sum_exp = LogSumExp(row);
  ExpectRightIfOk(cut);
}

// Of weights 4, 3, 1, 1 and 1 it keeps three, one of which is not sent; the second has 3/8.
TEST(SparseRow, OfACutoffAfterANucleusThatReachesOutsideIsRightIfItIsOk) {
  Stream s(20);
  const Row row{.logits = Weighing({4, 3, 1, 1, 1}),
                .params = {.top_p = .75, .epsilon_cutoff = .35}};
  EXPECT_EQ(Judge(row).kept, (Tokens{0, 1}));
  CutRow cut = Cut(row, 2, s);
  cut.log_sum_exp = LogSumExp(row);
  ExpectRightIfOk(cut);
}

// The first cut goes through the tail, wherever that is cut off.
TEST(SparseRow, AfterACutThroughWhatWasNotSentIsRightIfItIsOk) {
  Stream s(14);
  std::vector<double> weights = {1, .5, .3};
  weights.resize(23, .02);
  weights.resize(423, .001);
  constexpr SamplingParams kParams[] = {{.min_p = .01, .top_p = .7},
                                        {.min_p = .01, .top_p = .69},
                                        {.min_p = .01, .epsilon_cutoff = .136},
                                        {.epsilon_cutoff = .0005, .eta_cutoff = .05},
                                        {.min_p = .01, .mirostat = 2, .mirostat_tau = 1.45},
                                        {.min_p = .01, .xtc_probability = 1, .xtc_threshold = .13}};
  for (const SamplingParams& params : kParams) {
    const Row row{.logits = Weighing(weights), .params = params};
    for (size_t count : {3, 4, 10, 30}) {
      CutRow cut = Cut(row, count, s);
      cut.log_sum_exp = LogSumExp(row);
      ExpectRightIfOk(cut);
      if (HasFailure()) return;
    }
  }
}

// Mirostat 1 goes by the first hundred tokens, as edited: where edits push some of 120 candidates
// below what was not sent, the first hundred of the full row are others.
TEST(SparseRow, OfMirostat1IsExhaustedOrRightIfItsFirstHundredReachOutside) {
  Stream s(14);
  std::vector<float> logits;
  for (int i = 0; i < 400; ++i) logits.push_back(-1.2f * std::log(static_cast<float>(i + 1)));
  Row row{.logits = Encoded(logits), .params = {.mirostat = 1, .mirostat_tau = 2}};
  row.outputs = AskAll(400);
  RowLists lists;
  for (int32_t t = 40; t < 80; ++t) {
    lists.bias_token_ids.push_back(t);
    lists.biases.push_back(-30);
  }
  row.Keep(std::move(lists));
  ExpectRightIfOk(Cut(row, 120, s));
}

TEST(SparseRow, OfMirostat1WithAHundredCandidatesIsOkIfItKeepsFewer) {
  Stream s(15);
  std::vector<float> logits;
  for (int i = 0; i < 400; ++i) logits.push_back(-1.2f * std::log(static_cast<float>(i + 1)));
  Row row{.logits = Encoded(logits), .params = {.mirostat = 1, .mirostat_tau = 2}};
  row.outputs = AskAll(400);
  ExpectOk(Cut(row, 100, s));
  ExpectExhausted(Cut(row, 99, s));
}

TEST(SparseRow, CutAmongEqualLogitsKeepsTheLowerIds) {
  Stream s(16);
  const Row row{.logits = Encoded(std::vector<float>(1000)), .params = {.top_k = 7}};
  CutRow cut = Cut(row, 7, s);
  std::sort(cut.token_ids.begin(), cut.token_ids.end());
  EXPECT_EQ(cut.token_ids, (Tokens{0, 1, 2, 3, 4, 5, 6}));
  ExpectOk(cut);
  cut.full.params = {.min_p = 1};
  ExpectExhausted(cut);
}

TEST(SparseRow, GivesTheSameBitsInAnyOrderOfItsCandidates) {
  Stream s(17);
  for (int i = 0; i < 50; ++i) {
    const Row row = RandomRow(s, {.top_p = .9});
    const auto count = static_cast<size_t>(1 + s.Below(row.vocab_size()));
    CutRow one = Cut(row, count, s), other = Cut(row, count, s);
    one.full.named = other.full.named = {one.token_ids[0]};
    EXPECT_EQ(Print(CutSampled(one)[0]), Print(CutSampled(other)[0]));
  }
}

TEST(SparseRow, WithANanOrInfinityNamesItsToken) {
  for (float bad : {kNan, kInf}) {
    const CutRow cut{.full = {.logits = Encoded(std::vector<float>(100))},
                     .token_ids = {70, 30, 50},
                     .logits = {1, bad, 2}};
    const CutSampled sampled(cut);
    EXPECT_EQ(sampled[0].status, bad == kInf ? RowStatus::kPositiveInfinity : RowStatus::kNanLogit);
    EXPECT_EQ(sampled[0].offending_token, 30);
    EXPECT_EQ(sampled[0].drawn.token_ids[0], -1);
  }
}

}  // namespace
}  // namespace boltzmann::test
