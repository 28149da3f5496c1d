#include "tests/core/sequences.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace boltzmann::test {
namespace {

// The output of a row at some position, and the lists that its other spans point to.
struct OutputAt {
  std::vector<int32_t> output;
  std::optional<std::vector<std::byte>> mask;
  std::shared_ptr<const void> others;
};

core::Draft DraftOf(const DraftedToken& drafted) {
  core::Draft draft{.token_id = drafted.token_id,
                    .token_ids = drafted.token_ids,
                    .probabilities = drafted.probabilities};
  if (drafted.dense) draft.dense = drafted.dense->row();
  return draft;
}

ReferenceDraft ReferenceDraftOf(const DraftedToken& drafted) {
  ReferenceDraft draft{.token_id = drafted.token_id};
  if (!drafted.dense && drafted.token_ids.empty()) return draft;
  draft.given.emplace();
  const auto add = [&](size_t token, double probability) {
    draft.given->emplace_back(static_cast<int32_t>(token), probability);
  };
  for (size_t i = 0; i < drafted.token_ids.size(); ++i) {
    add(drafted.token_ids[i], drafted.probabilities[i]);
  }
  for (size_t t = 0; drafted.dense && t < drafted.dense->widened().size(); ++t) {
    add(t, drafted.dense->widened()[t]);
  }
  return draft;
}

}  // namespace

Row Sequence::At(size_t i) const {
  Row row = first;
  if (i > 0) row.logits = later[i - 1];
  auto kept = std::make_shared<OutputAt>();
  kept->others = first.lists;
  kept->output.assign(row.state.output_token_ids.begin(), row.state.output_token_ids.end());
  for (size_t k = 0; k < i; ++k) kept->output.push_back(drafts[k].token_id);
  row.state.output_token_ids = kept->output;
  row.state.position += i;
  if (!masks.empty()) {
    kept->mask = masks[i];
    row.state.allowed_token_mask.reset();
    if (kept->mask) row.state.allowed_token_mask = *kept->mask;
  }
  row.lists = std::move(kept);
  return row;
}

ReferenceSequence Sequence::ForReference() const {
  ReferenceSequence sequence{.rows = {first.logits.widened()},
                             .drafts = {},
                             .params = first.params,
                             .state = first.state,
                             .masks = masks};
  for (const Encoded& row : later) sequence.rows.push_back(row.widened());
  for (const DraftedToken& drafted : drafts) sequence.drafts.push_back(ReferenceDraftOf(drafted));
  return sequence;
}

Verified::Verified(core::Engine& engine, std::span<const Sequence> sequences) {
  for (const Sequence& sequence : sequences) {
    for (size_t i = 0; i < sequence.row_count(); ++i) rows_.push_back(sequence.At(i));
    drafts_.emplace_back();
    for (const DraftedToken& drafted : sequence.drafts) drafts_.back().push_back(DraftOf(drafted));
  }
  outputs_.reserve(rows_.size());
  for (const Row& row : rows_) {
    outputs_.push_back(row.outputs);
    outputs_.back().named_token_ids = row.named;
    batch_.rows.push_back({row.logits.row(), &row.params, &outputs_.back(), row.state});
  }
  size_t first_row = 0;
  for (const std::vector<core::Draft>& drafts : drafts_) {
    batch_.sequences.push_back({first_row, drafts});
    first_row += drafts.size() + 1;
  }
  const absl::Status status = engine.Sample(batch_);
  EXPECT_TRUE(status.ok()) << status;
}

const core::RowResult& Verified::At(size_t sequence, size_t i) const {
  return batch_.results.rows()[batch_.sequences[sequence].first_row + i];
}

std::vector<int32_t> Verified::Tokens(size_t sequence) const {
  std::vector<int32_t> tokens;
  for (size_t i = 0; i <= AcceptedCount(sequence); ++i) {
    const core::RowResult& result = At(sequence, i);
    if (core::IsAnswered(result.status)) tokens.push_back(result.drawn.token_ids[0]);
  }
  return tokens;
}

std::string Verified::Text(size_t sequence) const {
  std::string text = absl::StrCat("accepted ", AcceptedCount(sequence));
  for (size_t i = 0; i <= AcceptedCount(sequence); ++i) {
    absl::StrAppend(&text, "\n", Print(At(sequence, i)));
  }
  return text;
}

Verified VerifyAlone(const Sequence& sequence) { return {SharedEngine(), sequence}; }

}  // namespace boltzmann::test
