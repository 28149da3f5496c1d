#include "core/batch.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/elementary.h"

namespace boltzmann::core {
namespace {

// Hands out consecutive pieces of one column.
template <typename T>
class Column {
 public:
  explicit Column(std::vector<T>& storage) : storage_(storage) {}

  void Reserve(uint64_t count) { storage_.resize(count); }

  absl::Span<T> Take(size_t count) {
    const size_t first = std::exchange(taken_, taken_ + count);
    return absl::MakeSpan(storage_).subspan(first, count);
  }

 private:
  std::vector<T>& storage_;
  size_t taken_ = 0;
};

uint64_t ListedTokens(const RowRequest& row) {
  return uint64_t{row.state.draw_count} + row.outputs->top_model_count +
         row.outputs->top_sampled_count + row.outputs->named_token_ids.size();
}

template <typename Asked>
uint64_t Sum(absl::Span<const RowRequest> rows, Asked asked) {
  uint64_t sum = 0;
  for (const RowRequest& row : rows) {
    if (asked(*row.outputs)) sum += ListedTokens(row);
  }
  return sum;
}

}  // namespace

uint64_t ListedTokens(absl::Span<const RowRequest> rows) {
  return Sum(rows, [](const OutputOptions&) { return true; });
}

Results::Results(absl::Span<const RowRequest> rows) : rows_(rows.size()) {
  Column token_ids(token_ids_);
  Column model_logprobs(model_logprobs_);
  Column sampled_logprobs(sampled_logprobs_);
  Column ranks(ranks_);
  token_ids.Reserve(core::ListedTokens(rows));
  model_logprobs.Reserve(Sum(rows, [](const auto& o) { return o.model_logprobs; }));
  sampled_logprobs.Reserve(Sum(rows, [](const auto& o) { return o.sampled_logprobs; }));
  ranks.Reserve(Sum(rows, [](const auto& o) { return o.ranks; }));

  for (size_t i = 0; i < rows.size(); ++i) {
    const OutputOptions& outputs = *rows[i].outputs;
    const auto table = [&](size_t count) {
      return TokenTable{token_ids.Take(count),
                        model_logprobs.Take(outputs.model_logprobs ? count : 0),
                        sampled_logprobs.Take(outputs.sampled_logprobs ? count : 0),
                        ranks.Take(outputs.ranks ? count : 0)};
    };
    rows_[i].drawn = table(rows[i].state.draw_count);
    rows_[i].top_model = table(outputs.top_model_count);
    rows_[i].top_sampled = table(outputs.top_sampled_count);
    rows_[i].named = table(outputs.named_token_ids.size());
  }
}

ScoreSummary Summarize(absl::Span<const RowResult> results) {
  ScoreSummary summary;
  double sum = 0;
  for (const RowResult& result : results) {
    if (!IsAnswered(result.status)) continue;
    sum -= result.drawn.model_logprobs[0];
    ++summary.row_count;
  }
  if (summary.row_count == 0) return summary;
  summary.mean_negative_log_likelihood = sum / summary.row_count;
  summary.perplexity = Exp(summary.mean_negative_log_likelihood);
  return summary;
}

float Probability(float logprob) { return static_cast<float>(Exp(logprob)); }

std::string Explain(const RowResult& result) {
  switch (result.status) {
    case RowStatus::kOk:
      return "";
    case RowStatus::kNanLogit:
      return absl::StrCat("the logit of token ", result.offending_token, " is NaN");
    case RowStatus::kPositiveInfinity:
      return absl::StrCat("the logit of token ", result.offending_token, " is +infinity");
    case RowStatus::kNoAllowedToken:
      return "every logit is -infinity: no token is allowed";
    case RowStatus::kCandidatesExhausted:
      return "the full row's answer could differ: send more candidates, the row's log_sum_exp, or "
             "parameters that keep fewer tokens";
    case RowStatus::kInvalidDraft:
      return absl::StrCat("the draft distribution is none at token ", result.offending_token,
                          ": probabilities are in [0, 1], that of the drafted token is above 0, "
                          "and they add up to 1");
    case RowStatus::kLogitsChanged:
      return "the logits changed while they were read: write to shared memory only once its rows "
             "are answered";
  }
  return "";
}

}  // namespace boltzmann::core
