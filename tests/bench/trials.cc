#include "tests/bench/trials.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "tests/bench/check.h"
#include "tests/bench/presets.h"
#include "tests/bench/samplers.h"
#include "tests/bench/verify_trial.h"

namespace boltzmann::bench {
namespace {

constexpr int kComparedRows = 2;
constexpr size_t kCandidateCount = 1024;

constexpr core::OutputOptions kBothLogprobs = {};

using Plans = std::vector<RowPlan>;

// 64 rows at .7, each with what `set` adds.
Plans PlansWith(Shape shape, void (*set)(RowPlan&)) {
  Plans plans;
  plans.reserve(kPlannedRows);
  for (int row = 0; row < kPlannedRows; ++row) {
    set(plans.emplace_back(shape, row, kSamplerTemperature));
  }
  return plans;
}

void TopP9(RowPlan& row) { row.params().top_p = .9; }

void AtOne(RowPlan& row) { row.params().temperature = 1; }

void TopP9AtOne(RowPlan& row) {
  AtOne(row);
  TopP9(row);
}

// Full rows, as planned.
class RowsTrial : public Trial {
 public:
  RowsTrial(Shape shape, Plans plans, size_t compared)
      : Trial(PlannedLogits(shape)), plans_(std::move(plans)), compared_(compared) {
    for (size_t i = 0; i < plans_.size(); ++i) {
      batch().rows.push_back({rows().row(static_cast<int>(i)), &plans_[i].params(), &kBothLogprobs,
                              plans_[i].state()});
    }
  }

 protected:
  std::string CompareWithReference() const override { return CompareRows(compared_); }

 private:
  const Plans plans_;
  const size_t compared_;
};

// Full rows, any of which others may write to; nobody does.
class SharedTrial : public RowsTrial {
 public:
  SharedTrial(Shape shape, Plans plans) : RowsTrial(shape, std::move(plans), kComparedRows) {
    for (int row = 0; row < kPlannedRows; ++row) {
      batch().rows[static_cast<size_t>(row)].logits =
          core::LogitRow::Shared(rows().data(row), rows().type(), rows().vocab_size());
    }
  }
};

// Each row's first tokens, as a caller selects them. The answers are those of full rows: at
// temperature 1, where their log-sum-exp says what mass the candidates lack.
class SparseTrial : public RowsTrial {
 public:
  SparseTrial() : RowsTrial(Shape::kPeaked, PlansWith(Shape::kPeaked, TopP9AtOne), kPlannedRows) {
    lists_.reserve(kPlannedRows);
    for (int row = 0; row < kPlannedRows; ++row) {
      const List& list = lists_.emplace_back(FirstOf(rows().Widened(row)));
      core::RowRequest& request = batch().rows[static_cast<size_t>(row)];
      request.logits = {list.logits.data(), core::DataType::kFloat32, kCandidateCount};
      request.candidates = core::Candidates{.token_ids = list.token_ids,
                                            .vocab_size = kVocabSize,
                                            .log_sum_exp = rows().log_total(row)};
    }
  }

 private:
  struct List {
    std::vector<int32_t> token_ids;
    std::vector<float> logits;
  };

  static List FirstOf(const std::vector<float>& logits) {
    List list;
    list.token_ids.resize(logits.size());
    std::iota(list.token_ids.begin(), list.token_ids.end(), 0);
    std::partial_sort(list.token_ids.begin(), list.token_ids.begin() + kCandidateCount,
                      list.token_ids.end(), [&logits](int32_t a, int32_t b) {
                        return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
                      });
    list.token_ids.resize(kCandidateCount);
    for (int32_t token : list.token_ids) list.logits.push_back(logits[token]);
    return list;
  }

  std::vector<List> lists_;
};

// One of its 50 likely tokens for each row, at temperature 1.
class ScoreTrial : public RowsTrial {
 public:
  explicit ScoreTrial(bool ranks) : RowsTrial(Shape::kPeaked, PlansWith(Shape::kPeaked, AtOne), 0) {
    outputs_.ranks = ranks;
    for (int row = 0; row < kPlannedRows; ++row) {
      core::RowRequest& request = batch().rows[static_cast<size_t>(row)];
      request.outputs = &outputs_;
      request.scored_token = MaterialOf(Shape::kPeaked, row).likely[0];
    }
  }

 protected:
  // All but ranks is compared in any case.
  std::string CompareWithReference() const override {
    for (int row = 0; row < kPlannedRows && outputs_.ranks; ++row) {
      const core::TokenTable& scored = sampled().results.rows()[static_cast<size_t>(row)].drawn;
      const std::vector<float> logits = rows().Widened(row);
      const float logit = logits[static_cast<size_t>(scored.token_ids[0])];
      const auto greater = std::count_if(logits.begin(), logits.end(),
                                         [logit](float other) { return other > logit; });
      if (scored.ranks[0] != greater + 1) {
        return "row " + std::to_string(row) + ": the rank is " + std::to_string(scored.ranks[0]) +
               ", but " + std::to_string(greater) + " logits are greater";
      }
    }
    return "";
  }

 private:
  core::OutputOptions outputs_;
};

void AddSamplers(Shape shape, std::vector<NamedTrial>& trials) {
  const auto add = [&](std::string_view name, auto plans, size_t compared) {
    trials.push_back({SamplerName(name, shape),
                      [=] { return std::make_unique<RowsTrial>(shape, plans(), compared); }});
  };
  for (const Sampler& sampler : Samplers()) {
    add(
        sampler.name, [shape, set = sampler.set] { return PlansWith(shape, set); }, kComparedRows);
  }
  add(
      "mixed_samplers", [shape] { return MixedRows(shape); }, kPlannedRows);
  add(
      "mixed_temperatures", [shape] { return MixedTemperatures(shape); }, kComparedRows);
}

// Rows in shared memory.
void AddShared(std::vector<NamedTrial>& trials) {
  const auto add = [&trials](std::string_view name, Shape shape, void (*set)(RowPlan&)) {
    trials.push_back({SamplerName(name, shape), [shape, set] {
                        return std::make_unique<SharedTrial>(shape, PlansWith(shape, set));
                      }});
  };
  add("shared_sample", Shape::kPeaked, AtOne);
  add("shared_top_p_9", Shape::kPeaked, TopP9);
  add("shared_top_p_9", Shape::kFlat, TopP9);
}

// Sparse rows and scores, and the full rows that they are compared with.
void AddOthers(std::vector<NamedTrial>& trials) {
  const auto add_full = [&trials](std::string_view name, void (*set)(RowPlan&)) {
    trials.push_back({SamplerName(name), [set] {
                        return std::make_unique<RowsTrial>(
                            Shape::kPeaked, PlansWith(Shape::kPeaked, set), kComparedRows);
                      }});
  };
  add_full("sample", AtOne);
  add_full("sample_top_p_9", TopP9AtOne);
  trials.push_back({SamplerName("sparse_1024"), [] { return std::make_unique<SparseTrial>(); }});
  trials.push_back({SamplerName("score"), [] { return std::make_unique<ScoreTrial>(false); }});
  trials.push_back({SamplerName("score_ranks"), [] { return std::make_unique<ScoreTrial>(true); }});
}

}  // namespace

std::string Trial::Check() {
  std::string wrong = compared_ ? "" : CheckParameters();
  for (size_t i = 0; i < batch_.rows.size() && wrong.empty(); ++i) {
    if (!IsAnswered(i)) continue;
    wrong = CheckModelLogprob(batch_.results.rows()[i], rows_, LogitsOf(i));
  }
  if (!wrong.empty() || compared_) return wrong;
  compared_ = true;
  return CompareWithReference();
}

std::string Trial::CheckParameters() const {
  std::vector<core::Violation> violations;
  for (const core::RowRequest& row : batch_.rows) {
    core::Validate(*row.params, row.vocab_size(), "params", violations);
    core::Validate(*row.outputs, row.vocab_size(), "outputs", violations);
    core::Validate(row.state, *row.params, row.vocab_size(), "row", violations);
  }
  if (violations.empty()) return "";
  return violations[0].field + ": " + violations[0].description;
}

std::string Trial::CompareRows(size_t count) const {
  std::string wrong;
  for (size_t i = 0; i < count && wrong.empty(); ++i) {
    const int row = LogitsOf(i);
    wrong = CheckAnswer(row, rows_.Widened(row), batch_.rows[i], batch_.results.rows()[i]);
  }
  return wrong;
}

std::string SamplerName(std::string_view sampler, Shape shape) {
  const char* const on = shape == Shape::kPeaked ? "/peaked" : "/flat";
  return "samplers/" + std::string(sampler) + on;
}

std::vector<NamedTrial> SamplerTrials() {
  std::vector<NamedTrial> trials;
  AddSamplers(Shape::kPeaked, trials);
  AddSamplers(Shape::kFlat, trials);
  AddOthers(trials);
  AddShared(trials);
  AddVerifyTrials(trials);
  return trials;
}

std::vector<Comparison> SamplerComparisons() {
  return {{SamplerName("mixed_samplers"), SamplerName("mixed_temperatures"), 1.3},
          {SamplerName("mixed_samplers", Shape::kFlat),
           SamplerName("mixed_temperatures", Shape::kFlat)},
          {SamplerName("sparse_1024"), SamplerName("sample_top_p_9")},
          {SamplerName("score"), SamplerName("sample")},
          {SamplerName("score_ranks"), SamplerName("sample")},
          {SamplerName("shared_sample"), SamplerName("sample"), 1.03},
          {SamplerName("shared_top_p_9"), SamplerName("top_p_9"), 1.03},
          {SamplerName("shared_top_p_9", Shape::kFlat), SamplerName("top_p_9", Shape::kFlat)},
          {SamplerName("verify_accepted"), SamplerName("sample_5_rows")},
          {SamplerName("verify_rejected"), SamplerName("sample_1_row")}};
}

}  // namespace boltzmann::bench
