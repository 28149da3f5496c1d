// Scoring: what the tokens that a caller names say of the rows, and the temperature that fits them.
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/core/rows.h"
#include "tests/reference.h"

namespace boltzmann::test {
namespace {

using core::TemperatureFit;

// The range in which a temperature is looked for.
constexpr double kLowest = .001, kHighest = 1000;

// Rows with a token each to score.
struct Scored {
  std::vector<Row> rows = {};
  std::vector<int32_t> tokens = {};
  bool fit_temperature = true;

  void Add(std::vector<float> logits, int32_t token) {
    rows.push_back({.logits = Encoded(logits)});
    tokens.push_back(token);
  }
};

// Scored rows that went through an engine; the test fails if it did not say OK.
class Scores {
 public:
  Scores(core::Engine& engine, const Scored& scored) {
    for (size_t i = 0; i < scored.rows.size(); ++i) {
      const Row& row = scored.rows[i];
      batch_.rows.push_back(
          {row.logits.row(), &row.params, &row.outputs, row.state, std::nullopt, scored.tokens[i]});
    }
    batch_.fit_temperature = scored.fit_temperature;
    const absl::Status status = engine.Sample(batch_);
    EXPECT_TRUE(status.ok()) << status;
  }
  explicit Scores(const Scored& scored) : Scores(SharedEngine(), scored) {}

  const core::RowResult& operator[](size_t row) const { return batch_.results.rows()[row]; }
  core::ScoreSummary summary() const { return core::Summarize(batch_.results.rows()); }
  const std::optional<TemperatureFit>& fit() const { return batch_.results.temperature_fit; }

 private:
  core::Batch batch_;
};

// What the judge says of the rows that have an answer, at one inverse temperature.
struct Losses {
  double mean = 0;   // negative log-likelihood
  double slope = 0;  // by the inverse temperature
  double calibration = 0;
};

struct Bin {
  double rows = 0, right = 0, probability = 0;
};

Losses LossesAt(const Scored& scored, double inverse) {
  Losses losses;
  double count = 0;
  std::array<Bin, 15> bins;
  for (size_t i = 0; i < scored.rows.size(); ++i) {
    const std::vector<float>& logits = scored.rows[i].logits.widened();
    const auto first = std::max_element(logits.begin(), logits.end());
    const double max = *first;
    double mass = 0, mean = 0;
    for (float l : logits) mass += std::exp((l - max) * inverse);
    for (float l : logits) mean += l > -kInf ? (l - max) * std::exp((l - max) * inverse) / mass : 0;
    losses.mean += std::log(mass) - (logits[scored.tokens[i]] - max) * inverse;
    losses.slope += mean - (logits[scored.tokens[i]] - max);
    Bin& bin = bins[std::min<size_t>(14, static_cast<size_t>(15 / mass))];
    bin.rows += 1;
    bin.right += scored.tokens[i] == first - logits.begin();
    bin.probability += 1 / mass;
    ++count;
  }
  losses.mean /= count;
  for (const Bin& bin : bins) {
    if (bin.rows == 0) continue;
    const double off = bin.right / bin.rows - bin.probability / bin.rows;
    losses.calibration += std::abs(off) * bin.rows / count;
  }
  return losses;
}

// Where the slope changes its sign, halving the range of its logarithm until nothing is left.
double BestTemperature(const Scored& scored) {
  double low = std::log(1 / kHighest), high = std::log(1 / kLowest);
  for (int i = 0; i < 200; ++i) {
    const double middle = low + (high - low) / 2;
    (LossesAt(scored, std::exp(middle)).slope < 0 ? low : high) = middle;
  }
  return std::exp(-low);
}

// A token of a row, as likely as it is at this temperature.
int32_t DrawAt(Stream& s, const std::vector<float>& logits, double temperature) {
  Row row{.logits = Encoded(logits), .params = {.temperature = temperature}};
  row.state.seed = s.Next();
  return Reference(row.logits.widened(), row.params, row.state).drawn[0];
}

// Rows whose scored tokens are best explained by a temperature near this one.
Scored RandomScored(Stream& s, size_t count, double temperature) {
  Scored scored;
  for (size_t i = 0; i < count; ++i) {
    const auto size = static_cast<size_t>(2 + s.Below(s.Of<int64_t>({10, 1000})));
    std::vector<float> logits = BellLogits(size, s.Next(), s.Of({1.0, 2.5}), s.Of({0x1p-16, 0.5}));
    for (size_t t = 3; s.Below(3) == 0 && t < size; t += 7) logits[t] = -kInf;
    const Encoded row(logits, kDataTypes[s.Below(3)]);
    scored.rows.push_back({.logits = row});
    scored.tokens.push_back(DrawAt(s, row.widened(), temperature));
  }
  return scored;
}

void ExpectNear(double got, double expected, double tolerance) {
  EXPECT_NEAR(got, expected, tolerance * std::max(1.0, std::abs(expected)));
}

TEST(Score, ReportsTheScoredTokenAndDrawsNothing) {
  Scored scored;
  scored.Add({1, 2, 3}, 0);
  scored.rows[0].params.top_k = 2;
  scored.rows[0].outputs.ranks = true;
  const Scores scores(scored);
  EXPECT_EQ(scores[0].status, core::RowStatus::kOk);
  EXPECT_EQ(scores[0].drawn.token_ids[0], 0);
  EXPECT_EQ(scores[0].drawn.ranks[0], 3);
  EXPECT_NEAR(scores[0].drawn.model_logprobs[0],
              1 - std::log(std::exp(1.0) + std::exp(2.0) + std::exp(3.0)), 1e-6);
  EXPECT_EQ(scores[0].drawn.sampled_logprobs[0], -kInf);
}

TEST(Score, OfEveryTokenIsTheReferences) {
  Stream s(1);
  for (int i = 0; i < 50; ++i) {
    const Scored scored = RandomScored(s, 1, 1);
    const ReferenceResult expected = Reference(scored.rows[0].logits.widened(), {}, {});
    const Scores scores(scored);
    ExpectNear(scores[0].drawn.model_logprobs[0], expected.model_logprobs[scored.tokens[0]], 1e-6);
    ExpectNear(scores[0].drawn.sampled_logprobs[0], expected.sampled_logprobs[scored.tokens[0]],
               1e-6);
  }
}

TEST(Summary, IsTheMeanLossAndItsPerplexity) {
  Scored scored;  // probabilities 3/4 and 1/4
  scored.Add({std::log(3.0f), 0}, 0);
  scored.Add({std::log(3.0f), 0}, 1);
  const core::ScoreSummary summary = Scores(scored).summary();
  EXPECT_EQ(summary.row_count, 2u);
  EXPECT_NEAR(summary.mean_negative_log_likelihood, -.5 * std::log(3.0 / 16), 1e-6);
  EXPECT_NEAR(summary.perplexity, std::sqrt(16 / 3.0), 1e-5);
}

TEST(Summary, OfEquallyLikelyTokensHasTheirNumberForPerplexity) {
  Scored scored;
  for (int32_t t = 0; t < 5; ++t) scored.Add(std::vector<float>(50), t);
  EXPECT_NEAR(Scores(scored).summary().perplexity, 50, 1e-4);
}

TEST(Summary, IsInfiniteIfAScoredTokenIsImpossible) {
  Scored scored;
  scored.Add({0, 0}, 0);
  scored.Add({0, -kInf}, 1);
  const core::ScoreSummary summary = Scores(scored).summary();
  EXPECT_EQ(summary.row_count, 2u);
  EXPECT_EQ(summary.mean_negative_log_likelihood, kInf);
  EXPECT_EQ(summary.perplexity, kInf);
}

TEST(Summary, OfATokenTooUnlikelyForItsPerplexityToBeANumberIsInfinite) {
  Scored scored;
  scored.Add({0, -1000}, 1);
  EXPECT_NEAR(Scores(scored).summary().mean_negative_log_likelihood, 1000, 1e-3);
  EXPECT_EQ(Scores(scored).summary().perplexity, kInf);
}

// A NaN, an infinity, a row of nothing, and one of which nothing is allowed.
void AddRowsWithoutAnswer(Scored& scored) {
  scored.Add({kNan, 0, 1}, 1);
  scored.Add({0, kInf, 1}, 1);
  scored.Add({-kInf, -kInf, -kInf}, 1);
  scored.Add({5, 6, 7}, 1);
  RowLists lists;
  lists.banned = {0, 1, 2};
  scored.rows.back().Keep(std::move(lists));
}

TEST(Summary, LeavesOutRowsWithoutAnswer) {
  Scored scored;
  AddRowsWithoutAnswer(scored);
  scored.Add({0, 0}, 1);
  AddRowsWithoutAnswer(scored);
  const core::ScoreSummary summary = Scores(scored).summary();
  EXPECT_EQ(summary.row_count, 1u);
  EXPECT_NEAR(summary.perplexity, 2, 1e-6);
}

TEST(Summary, OfNoRowsSaysSo) {
  Scored scored;
  scored.fit_temperature = false;
  AddRowsWithoutAnswer(scored);
  const Scores scores(scored);
  EXPECT_EQ(scores.summary().row_count, 0u);
  EXPECT_EQ(scores.summary().mean_negative_log_likelihood, 0);
  EXPECT_EQ(scores.summary().perplexity, 1);
}

// Worked by hand. Of ten rows with probabilities 3/4 and 1/4, nine have their first token scored:
// softmax(ln 3 / T) = 9/10 at T = ln 3 / ln 9 = 1/2.
TEST(TemperatureFit, IsTheTemperatureThatMakesTheScoredTokensMostLikely) {
  Scored scored;
  for (int32_t i = 0; i < 10; ++i) scored.Add({std::log(3.0f), 0}, i == 4 ? 1 : 0);
  const Scores scores(scored);
  const TemperatureFit& fit = *scores.fit();
  const double exact = std::log(3.0f) / std::log(9.0);
  EXPECT_NEAR(fit.temperature, exact, 1e-9 * exact);
  EXPECT_FALSE(fit.at_limit);
  EXPECT_NEAR(fit.negative_log_likelihood_before, -.9 * std::log(.75) - .1 * std::log(.25), 1e-6);
  EXPECT_NEAR(fit.negative_log_likelihood_after, -.9 * std::log(.9) - .1 * std::log(.1), 1e-9);
  EXPECT_NEAR(fit.expected_calibration_error_before, .15, 1e-6);
  EXPECT_NEAR(fit.expected_calibration_error_after, 0, 1e-9);
}

// Two bins: three rows at 3/4 of which one is right, one row at 0.55 that is wrong.
TEST(TemperatureFit, HasACalibrationErrorOfSeveralBins) {
  Scored scored;
  for (int32_t token : {0, 1, 1}) scored.Add({std::log(3.0f), 0}, token);
  scored.Add({std::log(.55f / .45f), 0}, 1);
  EXPECT_NEAR(Scores(scored).fit()->expected_calibration_error_before,
              .75 * (.75 - 1.0 / 3) + .25 * .55, 1e-6);
}

// Rows of one bin make up for one another.
TEST(TemperatureFit, ComparesSharesAndProbabilitiesBinByBin) {
  Scored scored;
  scored.Add({std::log(.74f / .26f), 0}, 0);
  scored.Add({std::log(.76f / .24f), 0}, 1);
  EXPECT_NEAR(Scores(scored).fit()->expected_calibration_error_before, .25, 1e-6);
}

// Equal logits: the first token is the one of the lower id.
TEST(TemperatureFit, TakesTheLowerIdForTheFirstTokenAmongEqualLogits) {
  Scored scored;
  scored.Add({1, 1, 0, -1}, 1);
  const double probability = std::exp(1) / (2 * std::exp(1) + 1 + std::exp(-1));
  EXPECT_NEAR(Scores(scored).fit()->expected_calibration_error_before, probability, 1e-6);
}

TEST(TemperatureFit, IsAtTheLowLimitIfEveryScoredTokenIsItsRowsFirst) {
  Scored scored;
  for (int32_t t = 0; t < 5; ++t) {
    std::vector<float> logits(5);
    logits[t] = 1;
    scored.Add(logits, t);
  }
  const Scores scores(scored);
  EXPECT_TRUE(scores.fit()->at_limit);
  EXPECT_NEAR(scores.fit()->temperature, kLowest, 1e-9 * kLowest);
  EXPECT_NEAR(scores.fit()->negative_log_likelihood_after, 0, 1e-9);
  EXPECT_NEAR(scores.fit()->expected_calibration_error_after, 0, 1e-9);
}

TEST(TemperatureFit, IsAtTheHighLimitIfScoredTokensAreAsUnlikelyAsCanBe) {
  Scored scored;
  for (int i = 0; i < 5; ++i) scored.Add({1, 0, 0, 0}, 2);
  const Scores scores(scored);
  EXPECT_TRUE(scores.fit()->at_limit);
  EXPECT_NEAR(scores.fit()->temperature, kHighest, 1e-9 * kHighest);
  EXPECT_NEAR(scores.fit()->negative_log_likelihood_after, std::log(std::exp(1 / kHighest) + 3),
              1e-9);
}

void ExpectFit(const Scored& scored, const TemperatureFit& fit) {
  const double best = BestTemperature(scored);
  EXPECT_NEAR(fit.temperature, best, 1e-9 * best);
  EXPECT_FALSE(fit.at_limit);
  const Losses before = LossesAt(scored, 1), after = LossesAt(scored, 1 / fit.temperature);
  ExpectNear(fit.negative_log_likelihood_before, before.mean, 1e-9);
  ExpectNear(fit.negative_log_likelihood_after, after.mean, 1e-9);
  EXPECT_NEAR(fit.expected_calibration_error_before, before.calibration, 1e-9);
  EXPECT_NEAR(fit.expected_calibration_error_after, after.calibration, 1e-9);
  EXPECT_LE(fit.negative_log_likelihood_after, fit.negative_log_likelihood_before + 1e-12);
}

TEST(TemperatureFit, IsThatOfThePlainReference) {
  Stream s(2);
  for (double temperature : {.1, .4, .7, 1.0, 1.3, 2.0, 5.0}) {
    for (size_t count : {30, 100, 300}) {
      SCOPED_TRACE(std::to_string(temperature) + " " + std::to_string(count));
      const Scored scored = RandomScored(s, count, temperature);
      const Scores scores(scored);
      ASSERT_TRUE(scores.fit().has_value());
      ExpectFit(scored, *scores.fit());
    }
  }
}

TEST(TemperatureFit, LeavesOutRowsWithoutAnswer) {
  Stream s(3);
  const Scored clean = RandomScored(s, 50, .8);
  Scored mixed;
  AddRowsWithoutAnswer(mixed);
  mixed.rows.insert(mixed.rows.end(), clean.rows.begin(), clean.rows.end());
  mixed.tokens.insert(mixed.tokens.end(), clean.tokens.begin(), clean.tokens.end());
  AddRowsWithoutAnswer(mixed);
  ExpectFit(clean, *Scores(mixed).fit());
}

// With an engine of its own, so that a fault ends here. It once was left with a job that had gone.
TEST(TemperatureFit, OfNoRowsIsNoneAndLeavesTheEngineAsItWas) {
  Scored none, one;
  AddRowsWithoutAnswer(none);
  one.Add({std::log(3.0f), 0}, 1);
  for (int workers : {1, 2}) {
    core::Engine engine({.worker_count = workers});
    for (int turn = 0; turn < 3; ++turn) {
      EXPECT_FALSE(Scores(engine, none).fit().has_value());
      EXPECT_TRUE(Scores(engine, one).fit().has_value());
    }
  }
}

TEST(TemperatureFit, IsNoneUnlessAskedFor) {
  Scored scored;
  scored.fit_temperature = false;
  scored.Add({1, 0}, 1);
  EXPECT_FALSE(Scores(scored).fit().has_value());
}

// Of the rows as received: filters and temperatures of their own change nothing.
TEST(TemperatureFit, DoesNotDependOnParameters) {
  Stream s(4);
  Scored scored = RandomScored(s, 50, .8);
  const TemperatureFit plain = *Scores(scored).fit();
  for (Row& row : scored.rows) row.params = {.temperature = 3, .top_k = 1};
  EXPECT_EQ(Scores(scored).fit()->temperature, plain.temperature);
  EXPECT_EQ(Scores(scored).fit()->negative_log_likelihood_after,
            plain.negative_log_likelihood_after);
}

std::array<double, 5> NumbersOf(const TemperatureFit& fit) {
  return {fit.temperature, fit.negative_log_likelihood_before, fit.negative_log_likelihood_after,
          fit.expected_calibration_error_before, fit.expected_calibration_error_after};
}

TEST(TemperatureFit, GivesTheSameBitsWithAnyNumberOfWorkersAndOnEveryInstructionSet) {
  Stream s(5);
  const Scored scored = RandomScored(s, 60, .8);
  const std::array<double, 5> expected = NumbersOf(*Scores(scored).fit());
  for (core::InstructionSet set : kAllInstructionSets) {
    if (!IsSupported(set)) continue;
    for (int workers : {1, 2, 4}) {
      core::Engine engine({.worker_count = workers, .instruction_set = set});
      EXPECT_EQ(NumbersOf(*Scores(engine, scored).fit()), expected) << core::NameOf(set);
    }
  }
}

}  // namespace
}  // namespace boltzmann::test
