#include "tests/bench/verify_trial.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>

#include "tests/bench/check.h"
#include "tests/bench/presets.h"
#include "tests/reference.h"

namespace boltzmann::bench {
namespace {

constexpr size_t kSequenceCount = kPlannedRows;
constexpr size_t kDraftCount = 4;
constexpr size_t kSequenceRows = kDraftCount + 1;

// Domains of random numbers, as the .proto has them.
constexpr uint32_t kAcceptance = 1;
constexpr uint32_t kResidual = 2;

constexpr core::SamplingParams kParams = {.temperature = .7, .top_p = .9};
constexpr core::OutputOptions kOutputs = {};

// Row r of sequence s has logits (5 s + r) % 64, so that all rows rotate whether a sequence is
// looked at to its end or not.
int LogitsAt(size_t batch_row) { return static_cast<int>(batch_row % kPlannedRows); }

// A token drafted for each row of logits, with its probability there.
struct Drafted {
  int32_t token;
  double probability;
};

// What the model finds likeliest.
std::vector<Drafted> DraftFirst(const Rows& rows) {
  std::vector<Drafted> drafted;
  for (int row = 0; row < rows.size(); ++row) {
    const test::ReferenceResult right = test::Reference(rows.Widened(row), kParams, {});
    const int32_t first = right.order[0];
    drafted.push_back({first, std::exp(right.sampled_logprobs[first])});
  }
  return drafted;
}

// Sequences that are verified, or whose first rows are sampled.
class SequencesTrial : public Trial {
 public:
  size_t unit_count() const override { return kSequenceCount; }

 protected:
  SequencesTrial() : Trial(PlannedLogits(Shape::kPeaked)) {}

  // The states are those of a sequence from `seed` on.
  void AddRows(size_t sequence, size_t count, uint64_t seed) {
    for (size_t i = 0; i < count; ++i) {
      batch().rows.push_back({rows().row(LogitsAt(sequence * kSequenceRows + i)), &kParams,
                              &kOutputs, core::RowState{.seed = seed, .position = i}});
    }
  }
};

// The first rows of each sequence.
class SampleTrial : public SequencesTrial {
 public:
  explicit SampleTrial(size_t count) : count_(count) {
    for (size_t sequence = 0; sequence < kSequenceCount; ++sequence) {
      AddRows(sequence, count, sequence);
    }
  }

 protected:
  int LogitsOf(size_t row) const override {
    return LogitsAt(row / count_ * kSequenceRows + row % count_);
  }
  std::string CompareWithReference() const override { return CompareRows(2); }

 private:
  const size_t count_;
};

// Sequences whose seeds are such that every drafted token is accepted, or none.
class VerifyTrial : public SequencesTrial {
 public:
  explicit VerifyTrial(bool accepted)
      : drafted_(DraftFirst(rows())), accepted_(accepted ? kDraftCount : 0) {
    drafts_.reserve(kSequenceCount * kDraftCount);
    for (size_t sequence = 0; sequence < kSequenceCount; ++sequence) {
      AddRows(sequence, kSequenceRows, SeedFor(sequence));
      const core::Draft* const first = drafts_.data() + drafts_.size();
      for (size_t i = 0; i < kDraftCount; ++i) {
        drafts_.push_back({.token_id = DraftAt(sequence * kSequenceRows + i).token});
      }
      batch().sequences.push_back({sequence * kSequenceRows, {first, kDraftCount}});
    }
  }

 protected:
  int LogitsOf(size_t row) const override { return LogitsAt(row); }
  bool IsAnswered(size_t row) const override { return row % kSequenceRows <= accepted_; }

  std::string CompareWithReference() const override {
    for (size_t sequence = 0; sequence < kSequenceCount; ++sequence) {
      const uint32_t count = sampled().results.accepted_counts[sequence];
      if (count != accepted_) {
        return "sequence " + std::to_string(sequence) + ": " + std::to_string(count) +
               " drafts were accepted, but " + std::to_string(accepted_) + " should be";
      }
      const size_t last = sequence * kSequenceRows + accepted_;
      const int32_t token = sampled().results.rows()[last].drawn.token_ids[0];
      if (const int32_t right = TokenAt(last); token != right) {
        return "sequence " + std::to_string(sequence) + ": the last token is " +
               std::to_string(token) + ", the reference's " + std::to_string(right);
      }
    }
    return "";
  }

 private:
  const Drafted& DraftAt(size_t row) const { return drafted_[static_cast<size_t>(LogitsAt(row))]; }

  uint64_t SeedFor(size_t sequence) const {
    const auto accepts = [&](uint64_t seed, size_t i) {
      return test::ReferenceUniform(seed, i, 0, kAcceptance) <
             DraftAt(sequence * kSequenceRows + i).probability;
    };
    uint64_t seed = sequence << 32;
    const auto suits = [&] {
      if (accepted_ == 0) return !accepts(seed, 0);
      for (size_t i = 0; i < kDraftCount; ++i) {
        if (!accepts(seed, i)) return false;
      }
      return true;
    };
    while (!suits()) ++seed;
    return seed;
  }

  // What must follow the accepted drafts: drawn from the row, without the draft if it has one.
  int32_t TokenAt(size_t row) const {
    const core::RowState& state = batch_row(row).state;
    const test::ReferenceResult right =
        test::Reference(rows().Widened(LogitsAt(row)), kParams, state);
    if (accepted_ == kDraftCount) return right.drawn[0];
    const int32_t without = DraftAt(row).token;
    std::vector<int32_t> kept = right.kept;
    std::sort(kept.begin(), kept.end());
    const double bound = test::ReferenceUniform(state.seed, state.position, 0, kResidual) *
                         (1 - std::exp(right.sampled_logprobs[without]));
    double before = 0;
    for (int32_t token : kept) {
      if (token != without) before += std::exp(right.sampled_logprobs[token]);
      if (before > bound) return token;
    }
    return kept.back();
  }

  const core::RowRequest& batch_row(size_t row) const { return sampled().rows[row]; }

  const std::vector<Drafted> drafted_;  // by row of logits
  const size_t accepted_;
  std::vector<core::Draft> drafts_;
};

}  // namespace

void AddVerifyTrials(std::vector<NamedTrial>& trials) {
  const auto add = [&trials](std::string_view name, auto make) {
    trials.push_back({SamplerName(name), make});
  };
  add("verify_accepted", [] { return std::make_unique<VerifyTrial>(true); });
  add("verify_rejected", [] { return std::make_unique<VerifyTrial>(false); });
  add("sample_5_rows", [] { return std::make_unique<SampleTrial>(kSequenceRows); });
  add("sample_1_row", [] { return std::make_unique<SampleTrial>(1); });
}

}  // namespace boltzmann::bench
