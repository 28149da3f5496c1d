// Speculative decoding, worked by hand; and that nothing around a sequence changes it.
#include <algorithm>
#include <cmath>
#include <ostream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/core/random_sequences.h"
#include "tests/core/rows.h"
#include "tests/core/sequences.h"

namespace boltzmann::test {
namespace {

using core::RowStatus;
using Tokens = std::vector<int32_t>;

constexpr size_t kVocabSize = 8;

// A row whose first token is `best`, and every other as likely as another.
Encoded Peak(int32_t best, float height = 5) {
  std::vector<float> logits(kVocabSize);
  logits[best] = height;
  return Encoded(logits);
}

// Tokens drafted with certainty, before rows with these first tokens.
Sequence Drafted(const Tokens& tokens, const Tokens& best, const core::SamplingParams& params = {},
                 float height = 5) {
  Sequence sequence{.first = {.logits = Peak(best[0], height), .params = params}};
  sequence.first.outputs = AskAll(kVocabSize);
  sequence.first.outputs.stages = true;
  sequence.first.named = AllTokens(kVocabSize);
  sequence.first.state = {.seed = 11, .position = 40};
  for (size_t i = 0; i < tokens.size(); ++i) {
    sequence.drafts.push_back({.token_id = tokens[i]});
    sequence.later.push_back(Peak(best[i + 1], height));
  }
  return sequence;
}

constexpr core::SamplingParams kGreedy = {.temperature = 0};

TEST(Verify, EmitsTheDraftAndOneMoreTokenWhereTheTargetAgrees) {
  const Verified verified = VerifyAlone(Drafted({1, 2, 3}, {1, 2, 3, 4}, kGreedy));
  EXPECT_EQ(verified.AcceptedCount(0), 3u);
  EXPECT_EQ(verified.Tokens(0), (Tokens{1, 2, 3, 4}));
}

TEST(Verify, StopsAtTheFirstMismatchWithTheTargetsToken) {
  const Verified verified = VerifyAlone(Drafted({1, 2, 3}, {1, 5, 3, 4}, kGreedy));
  EXPECT_EQ(verified.AcceptedCount(0), 1u);
  EXPECT_EQ(verified.Tokens(0), (Tokens{1, 5}));
}

TEST(Verify, StopsAtTheVeryFirstMismatch) {
  const Verified verified = VerifyAlone(Drafted({1, 2, 3}, {7, 2, 3, 4}, kGreedy));
  EXPECT_EQ(verified.AcceptedCount(0), 0u);
  EXPECT_EQ(verified.Tokens(0), (Tokens{7}));
}

// With nearly all of the mass on one token a draw is no different.
TEST(Verify, EmitsTheSameFromPeakedRowsThatAreSampled) {
  EXPECT_EQ(VerifyAlone(Drafted({1, 2, 3}, {1, 2, 3, 4}, {}, 800)).Tokens(0), (Tokens{1, 2, 3, 4}));
  EXPECT_EQ(VerifyAlone(Drafted({1, 2, 3}, {1, 5, 3, 4}, {}, 800)).Tokens(0), (Tokens{1, 5}));
}

TEST(Verify, OfGreedyRowsTakesTheLowestIdAmongEqualLogits) {
  const Encoded tied(std::vector<float>(kVocabSize, 1.0f));
  Sequence sequence = Drafted({0, 1}, {0, 0, 0}, kGreedy);
  sequence.first.logits = sequence.later[0] = tied;
  EXPECT_EQ(VerifyAlone(sequence).Tokens(0), (Tokens{0, 0}));
}

// Greedy rows: u * q < 1 always, u * q < 0 never, whatever the draft distribution.
TEST(Verify, OfGreedyRowsIgnoresTheDraftDistribution) {
  Sequence sequence = Drafted({1, 2, 3}, {1, 5, 3, 4}, kGreedy);
  sequence.drafts[0].dense = Encoded(std::vector<float>(kVocabSize, .125f));
  sequence.drafts[1].token_ids = {2, 5};
  sequence.drafts[1].probabilities = {.25f, .75f};
  EXPECT_EQ(VerifyAlone(sequence).Tokens(0), (Tokens{1, 5}));
}

TEST(Verify, TakesOnePositionMoreForEveryToken) {
  const core::SamplingParams flat = {.temperature = 1e30};
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Sequence sequence = Drafted({3, 4}, {0, 0, 0}, flat);
    sequence.first.state.seed = seed;
    // p = 1/8 of each: accepted iff u < 1/8; the rest is drawn from the 7 other tokens.
    const double u = ReferenceUniform(seed, 40, 0, 1);
    const double next = ReferenceUniform(seed, 41, 0, 1);
    const auto other = static_cast<int32_t>(ReferenceUniform(seed, 40, 0, 2) * 7);
    const Verified verified = VerifyAlone(sequence);
    EXPECT_EQ(verified.AcceptedCount(0), u >= .125 ? 0u : next >= .125 ? 1u : 2u);
    if (u >= .125) {
      EXPECT_EQ(verified.Tokens(0)[0], other + (other >= 3)) << seed;
    }
  }
}

TEST(Verify, DrawsTheTokenAfterAFullyAcceptedDraftAsSampleDoes) {
  Sequence sequence = Drafted({3}, {3, 0}, {}, 800);
  Row last = sequence.At(1);
  last.logits = sequence.later[0] = Encoded(std::vector<float>(kVocabSize));
  for (uint64_t seed = 0; seed < 50; ++seed) {
    sequence.first.state.seed = last.state.seed = seed;
    const Verified verified = VerifyAlone(sequence);
    ASSERT_EQ(verified.AcceptedCount(0), 1u);
    EXPECT_EQ(Print(verified.At(0, 1)), SampleAndPrint(last));
  }
}

TEST(Verify, OfSequencesWithoutDraftsIsSampleBitForBit) {
  RandomSamplers random(0);
  for (int i = 0; i < 300; ++i) {
    Sequence sequence{.first = random.Next()};
    sequence.first.state.draw_count = 1;
    const Verified verified = VerifyAlone(sequence);
    EXPECT_EQ(verified.AcceptedCount(0), 0u);
    ASSERT_EQ(Print(verified.At(0, 0)), SampleAndPrint(sequence.first)) << i;
  }
}

// Token 2 is drafted twice, then comes up in the penalties of the third row and of no earlier one.
TEST(Verify, CountsDraftedTokensAsOutput) {
  Sequence sequence = Drafted({2, 2}, {2, 2, 2}, {.temperature = 0, .frequency_penalty = 2}, 3);
  // 3, then 3 - 2 = 1, then 3 - 4 = -1, below the others at 0.
  EXPECT_EQ(VerifyAlone(sequence).Tokens(0), (Tokens{2, 2, 0}));
  RowLists lists;
  lists.output = {2};
  sequence.first.Keep(std::move(lists));
  EXPECT_EQ(VerifyAlone(sequence).Tokens(0), (Tokens{2, 0}));
}

TEST(Verify, TakesTheMaskOfEachPosition) {
  Sequence sequence = Drafted({1, 2, 3}, {1, 2, 3, 4}, kGreedy);
  const Tokens even = {0, 2, 4, 6}, one = {1, 7};
  sequence.masks = {MaskOf(one, 1), MaskOf(even, 1), MaskOf(even, 1), MaskOf(one, 1)};
  // Token 3 is not allowed at the third position: the first of what is, and the end.
  EXPECT_EQ(VerifyAlone(sequence).Tokens(0), (Tokens{1, 2, 0}));
  sequence.masks[2].reset();
  EXPECT_EQ(VerifyAlone(sequence).Tokens(0), (Tokens{1, 2, 3, 1}));
}

TEST(Verify, TakesTheMaskOfTheStateForAllPositionsIfThereIsNoOther) {
  Sequence sequence = Drafted({2, 4}, {2, 3, 4}, kGreedy);
  RowLists lists;
  lists.mask = MaskOf(Tokens{2, 4, 6}, 1);
  sequence.first.Keep(std::move(lists));
  EXPECT_EQ(VerifyAlone(sequence).Tokens(0), (Tokens{2, 2}));
}

TEST(Verify, EndsBeforeARowThatCannotBeSampled) {
  for (float bad : {kNan, kInf}) {
    Sequence sequence = Drafted({1, 2, 3}, {1, 2, 3, 4}, kGreedy);
    std::vector<float> logits = sequence.later[0].widened();
    logits[6] = bad;
    sequence.later[0] = Encoded(logits);
    const Verified verified = VerifyAlone(sequence);
    EXPECT_EQ(verified.AcceptedCount(0), 1u);
    EXPECT_EQ(verified.Tokens(0), (Tokens{1}));
    EXPECT_EQ(verified.At(0, 1).offending_token, 6);
    EXPECT_EQ(verified.At(0, 1).drawn.token_ids[0], -1);
    EXPECT_TRUE(verified.At(0, 1).drawn.model_logprobs.empty());
    EXPECT_TRUE(verified.At(0, 1).stages.empty());
  }
}

TEST(Verify, NeverLooksAtRowsAfterTheFirstMismatch) {
  Sequence sequence = Drafted({1, 2, 3}, {1, 5, 3, 4}, kGreedy);
  const std::string clean = VerifyAlone(sequence).Text(0);
  sequence.later[1] = sequence.later[2] = Encoded(std::vector<float>(kVocabSize, kNan));
  sequence.drafts[2].token_ids = {1};
  sequence.drafts[2].probabilities = {7};
  EXPECT_EQ(VerifyAlone(sequence).Text(0), clean);
}

struct BadDraft {
  const char* name;
  Tokens token_ids;
  std::vector<float> probabilities;
  int32_t offending_token;
};

const BadDraft kBadDrafts[] = {
    {"NothingForTheDraftedToken", {1, 3}, {.5f, .5f}, 2},
    {"ZeroForTheDraftedToken", {2, 3}, {0, 1}, 2},
    {"ANan", {2, 5}, {.5f, kNan}, 5},
    {"ANegativeNumber", {2, 5, 6}, {1, -.25f, .25f}, 5},
    {"MoreThanOne", {2, 5}, {.5f, 1.5f}, 5},
    {"Infinity", {2, 5}, {.5f, kInf}, 5},
    {"ASumTooSmall", {2, 5}, {.5f, .25f}, 2},
    {"ASumTooLarge", {2, 5}, {.5f, .75f}, 2},
};

void PrintTo(const BadDraft& draft, std::ostream* out) { *out << draft.name; }

class BadDrafts : public testing::TestWithParam<BadDraft> {
 protected:
  // The same probabilities, dense.
  static Encoded Dense() {
    std::vector<float> all(kVocabSize);
    for (size_t i = 0; i < GetParam().token_ids.size(); ++i) {
      all[GetParam().token_ids[i]] = GetParam().probabilities[i];
    }
    return Encoded(all);
  }

  static void ExpectRefused(const Sequence& sequence) {
    const Verified verified = VerifyAlone(sequence);
    EXPECT_EQ(verified.AcceptedCount(0), 1u);
    EXPECT_EQ(verified.Tokens(0), (Tokens{1}));
    const core::RowResult& bad = verified.At(0, 1);
    EXPECT_EQ(bad.status, RowStatus::kInvalidDraft);
    EXPECT_EQ(bad.offending_token, GetParam().offending_token);
    EXPECT_EQ(bad.drawn.token_ids[0], -1);
    EXPECT_TRUE(bad.drawn.model_logprobs.empty() && bad.top_model.token_ids.empty());
    EXPECT_TRUE(bad.stages.empty() && !bad.model_entropy && !bad.kept_count);
    // What came before is what it was.
    EXPECT_EQ(Print(verified.At(0, 0)), Print(VerifyAlone(Clean()).At(0, 0)));
  }

  static Sequence Clean() { return Drafted({1, 2, 3}, {1, 2, 3, 4}, kGreedy); }
};

TEST_P(BadDrafts, HaveAStatusOfTheirOwnAndTakeNothingElseWithThem) {
  Sequence sequence = Clean();
  sequence.drafts[1].token_ids = GetParam().token_ids;
  sequence.drafts[1].probabilities = GetParam().probabilities;
  ExpectRefused(sequence);
  sequence.drafts[1] = {.token_id = 2, .dense = Dense()};
  ExpectRefused(sequence);
}

TEST_P(BadDrafts, LeaveTheOtherSequencesOfTheBatchAsTheyAre) {
  std::vector<Sequence> sequences(3, Clean());
  sequences[1].drafts[1] = {.token_id = 2, .dense = Dense()};
  const Verified verified(SharedEngine(), sequences);
  const std::string clean = VerifyAlone(Clean()).Text(0);
  EXPECT_EQ(verified.Text(0), clean);
  EXPECT_EQ(verified.At(1, 1).status, RowStatus::kInvalidDraft);
  EXPECT_EQ(verified.Text(2), clean);
}

INSTANTIATE_TEST_SUITE_P(, BadDrafts, testing::ValuesIn(kBadDrafts),
                         [](const auto& draft) { return std::string(draft.param.name); });

TEST(Verify, TakesProbabilitiesThatAddUpToOneWithinAHundredth) {
  for (float rest : {.495f, .5f, .505f}) {
    Sequence sequence = Drafted({1}, {1, 4}, kGreedy);
    sequence.drafts[0].token_ids = {6, 1};
    sequence.drafts[0].probabilities = {rest, .5f};
    EXPECT_EQ(VerifyAlone(sequence).Tokens(0), (Tokens{1, 4})) << rest;
  }
}

// Worked by hand. p = 1/2, 1/4, 1/8, 1/8 and q = 1/8, 1/8, 1/4, 1/2: max(p - q, 0) is 3/8, 1/8, 0,
// 0. Token 3 is accepted iff u / 2 < 1/8; else token 0 has 3 in 4, token 1 the rest.
TEST(Verify, DrawsWhatTheDraftWasTooUnlikelyToGive) {
  const float ln2 = std::log(2.0f);
  Sequence sequence{.first = {.logits = {3 * ln2, 2 * ln2, ln2, ln2}}};
  sequence.later.emplace_back(std::vector<float>{0, 0, 0, 0});
  sequence.drafts.push_back({.token_id = 3, .dense = Encoded({.125f, .125f, .25f, .5f})});
  for (uint64_t seed = 0; seed < 100; ++seed) {
    sequence.first.state.seed = seed;
    const bool accepted = ReferenceUniform(seed, 0, 0, 1) < .25;
    const int32_t instead = ReferenceUniform(seed, 0, 0, 2) < .75 ? 0 : 1;
    EXPECT_EQ(VerifyAlone(sequence).AcceptedCount(0), accepted ? 1u : 0u) << seed;
    EXPECT_EQ(VerifyAlone(sequence).Tokens(0)[0], accepted ? 3 : instead) << seed;
  }
}

// The log-prob reported is that of the row, not of the residual.
TEST(Verify, ReportsLogprobsOfTheRowsOwnDistribution) {
  Sequence sequence = Drafted({1}, {0, 0}, {.top_k = 4}, 1);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    sequence.first.state.seed = seed;
    const Verified verified = VerifyAlone(sequence);
    const core::RowResult& result = verified.At(0, 0);
    const int32_t token = result.drawn.token_ids[0];
    EXPECT_EQ(result.drawn.sampled_logprobs[0], result.named.sampled_logprobs[token]);
    EXPECT_EQ(result.drawn.model_logprobs[0], result.named.model_logprobs[token]);
    EXPECT_EQ(result.drawn.ranks[0], result.named.ranks[token]);
    EXPECT_NEAR(result.drawn.sampled_logprobs[0],
                (token == 0 ? 1 : 0) - std::log(std::exp(1.0) + 3), 1e-6);
  }
}

TEST(Verify, CarriesMirostatFromPositionToPosition) {
  Sequence sequence = Drafted({1, 2}, {1, 2, 3}, {.mirostat = 2, .mirostat_tau = 1}, 800);
  sequence.first.state.mirostat_mu = 4;
  const Verified verified = VerifyAlone(sequence);
  ASSERT_EQ(verified.AcceptedCount(0), 2u);
  // The surprise is 0 each time, so mu goes up by eta * tau = 0.1.
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(*verified.At(0, i).mirostat_mu, 4.1 + .1 * static_cast<double>(i), 1e-9);
  }
}

std::vector<Sequence> ManySequences() {
  std::vector<Sequence> sequences;
  RandomSequences random(100);
  for (int i = 0; i < 40; ++i) sequences.push_back(random.Next());
  // Two with rows large enough to be split over workers.
  for (uint64_t i = 0; i < 2; ++i) {
    Sequence large{.first = {.logits = Encoded(BellLogits(128256, i)),
                             .params = {.top_p = i == 0 ? 1.0 : .9}}};
    large.first.outputs = AskAll(20);
    large.later.emplace_back(BellLogits(128256, 5));
    large.drafts.push_back(
        {.token_id = 9, .dense = Encoded(std::vector<float>(128256, 1 / 128256.0f))});
    sequences.push_back(std::move(large));
  }
  return sequences;
}

std::vector<std::string> TextsAlone(const std::vector<Sequence>& sequences) {
  std::vector<std::string> texts;
  for (const Sequence& sequence : sequences) texts.push_back(VerifyAlone(sequence).Text(0));
  return texts;
}

class VerifyWithWorkers : public testing::TestWithParam<int> {};

TEST_P(VerifyWithWorkers, GivesTheSameBitsAtEveryPlaceOfABatchAndAlone) {
  core::Engine engine({.worker_count = GetParam()});
  std::vector<Sequence> sequences = ManySequences();
  std::vector<std::string> alone = TextsAlone(sequences);
  for (int turn = 0; turn < 3; ++turn) {
    const Verified verified(engine, sequences);
    for (size_t i = 0; i < sequences.size(); ++i) ASSERT_EQ(verified.Text(i), alone[i]) << i;
    std::rotate(sequences.begin(), sequences.begin() + 7, sequences.end());
    std::rotate(alone.begin(), alone.begin() + 7, alone.end());
  }
  for (size_t i = 0; i < sequences.size(); ++i) {
    ASSERT_EQ(Verified(engine, sequences[i]).Text(0), alone[i]) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(, VerifyWithWorkers, testing::Values(1, 2, 4));

class VerifyOn : public testing::TestWithParam<core::InstructionSet> {};

TEST_P(VerifyOn, GivesTheSameBits) {
  if (!IsSupported(GetParam())) GTEST_SKIP() << core::NameOf(GetParam()) << ": not on this machine";
  core::Engine engine({.worker_count = 1, .instruction_set = GetParam()});
  const std::vector<Sequence> sequences = ManySequences();
  const std::vector<std::string> expected = TextsAlone(sequences);
  const Verified verified(engine, sequences);
  for (size_t i = 0; i < sequences.size(); ++i) ASSERT_EQ(verified.Text(i), expected[i]) << i;
}

INSTANTIATE_TEST_SUITE_P(, VerifyOn, testing::ValuesIn(kAllInstructionSets),
                         [](const auto& set) { return std::string(core::NameOf(set.param)); });

}  // namespace
}  // namespace boltzmann::test
