#include "tests/bench/check.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <vector>

#include "tests/reference.h"

namespace boltzmann::bench {
namespace {

constexpr int kCheckedRows = 2;

// How close to an edge the reference may be for the answer to be anybody's.
constexpr double kDoubleTie = 1e-12;
constexpr double kFloatTie = 1e-6;

// What a cumulative sum of 100,000 terms in fp32 may be off by.
constexpr double kCumulativeError = 2e-3;

constexpr double kLogprobError = 1e-6;
constexpr double kFloatLogprobError = 2e-3;

bool Near(double value, double reference, double error) {
  return std::abs(value - reference) <= error * std::max(1.0, std::abs(reference));
}

template <typename A, typename B>
std::string Differs(const char* what, int row, A value, B reference) {
  std::ostringstream text;
  text.precision(9);
  text << "row " << row << ": " << what << " is " << value << ", the reference's " << reference;
  return text.str();
}

test::ReferenceResult Judge(const Rows& rows, int row, const core::SamplingParams& params) {
  return test::Reference(rows.Widened(row), params, StateOf(row));
}

std::string CompareRow(int row, const core::RowResult& result, const test::ReferenceResult& right) {
  if (result.status != core::RowStatus::kOk) return Explain(result);
  if (right.kept_margin < kDoubleTie) return "";
  if (result.kept_count && *result.kept_count != right.kept.size()) {
    return Differs("the kept count", row, *result.kept_count, right.kept.size());
  }
  if (right.draw_margin < kDoubleTie) return "";
  const int32_t token = result.drawn.token_ids[0];
  if (token != right.drawn[0]) return Differs("the token", row, token, right.drawn[0]);
  const auto compare = [&](const char* what, absl::Span<const float> column, double logprob) {
    if (column.empty() || Near(column[0], logprob, kLogprobError)) return std::string();
    return Differs(what, row, column[0], logprob);
  };
  std::string wrong =
      compare("the model's log-prob", result.drawn.model_logprobs, right.model_logprobs[token]);
  if (!wrong.empty()) return wrong;
  wrong =
      compare("the sampled log-prob", result.drawn.sampled_logprobs, right.sampled_logprobs[token]);
  if (!wrong.empty() || !result.mirostat_mu) return wrong;
  if (Near(*result.mirostat_mu, *right.mirostat_mu, kLogprobError)) return "";
  return Differs("mu", row, *result.mirostat_mu, *right.mirostat_mu);
}

// The share of the mass that top-p cuts from that the first `count` tokens of the order have.
double ShareOfFirst(size_t count, const test::ReferenceResult& uncut, double temperature) {
  double first = 0, all = 0;
  const auto weight = [&](int32_t token) {
    return std::exp((uncut.model_logprobs[token] - uncut.model_logprobs[uncut.order[0]]) /
                    temperature);
  };
  for (size_t i = 0; i < uncut.kept.size(); ++i) {
    all += weight(uncut.kept[i]);
    if (i < count) first += weight(uncut.kept[i]);
  }
  return first / all;
}

// Whether a prefix of `count` tokens is the nucleus, as far as fp32 can tell.
bool IsNucleus(size_t count, const Rows& rows, int row, core::SamplingParams params) {
  const double top_p = params.top_p;
  params.top_p = 1;
  const test::ReferenceResult uncut = Judge(rows, row, params);
  if (count < 1 || count > uncut.kept.size()) return false;
  return ShareOfFirst(count - 1, uncut, params.temperature) < top_p + kCumulativeError &&
         ShareOfFirst(count, uncut, params.temperature) > top_p - kCumulativeError;
}

std::string CompareRow(int row, const Baseline::Answer& answer, const Rows& rows,
                       const core::SamplingParams& params) {
  const test::ReferenceResult right = Judge(rows, row, params);
  const auto kept = static_cast<size_t>(answer.kept_count);
  if (kept != right.kept.size() && right.kept_margin > kFloatTie &&
      (params.top_p == 1 || !IsNucleus(kept, rows, row, params))) {
    return Differs("the kept count", row, kept, right.kept.size());
  }
  const auto last = right.order.begin() + std::max(kept, right.kept.size());
  if (std::find(right.order.begin(), last, answer.token) == last) {
    return "row " + std::to_string(row) + ": token " + std::to_string(answer.token) +
           " is not kept";
  }
  if (!Near(answer.model_logprob, right.model_logprobs[answer.token], kFloatLogprobError)) {
    return Differs("the model's log-prob", row, answer.model_logprob,
                   right.model_logprobs[answer.token]);
  }
  if (kept == right.kept.size() &&
      !Near(answer.sampled_logprob, right.sampled_logprobs[answer.token], kFloatLogprobError)) {
    return Differs("the sampled log-prob", row, answer.sampled_logprob,
                   right.sampled_logprobs[answer.token]);
  }
  return "";
}

}  // namespace

core::RowState StateOf(int row) { return {.seed = 1, .position = static_cast<uint64_t>(row)}; }

std::string CheckEngine(core::Engine& engine, const Rows& rows, const Preset& preset) {
  core::OutputOptions outputs = preset.outputs;
  outputs.kept_stats = true;
  core::Batch batch;
  for (int row = 0; row < kCheckedRows; ++row) {
    batch.rows.push_back({rows.row(row), &preset.params, &outputs, StateOf(row)});
  }
  if (absl::Status status = engine.Sample(batch); !status.ok()) return status.ToString();
  for (int row = 0; row < kCheckedRows; ++row) {
    std::string wrong = CompareRow(row, batch.results.rows()[row], Judge(rows, row, preset.params));
    if (!wrong.empty()) return wrong;
  }
  return "";
}

std::string CheckAnswer(int row, std::span<const float> logits, const core::RowRequest& request,
                        const core::RowResult& result) {
  return CompareRow(row, result, test::Reference(logits, *request.params, request.state));
}

std::string CheckModelLogprob(const core::RowResult& result, const Rows& rows, int row) {
  if (result.status != core::RowStatus::kOk) return Explain(result);
  if (result.drawn.model_logprobs.empty()) return "";
  const int32_t token = result.drawn.token_ids[0];
  const double right = double{rows.WidenedAt(row, token)} - rows.log_total(row);
  if (Near(result.drawn.model_logprobs[0], right, kLogprobError)) return "";
  return Differs("the model's log-prob", row, result.drawn.model_logprobs[0], right);
}

std::string CheckBatch(const core::Batch& batch, const Rows& rows, bool hot) {
  for (size_t i = 0; i < batch.rows.size(); ++i) {
    const int row = hot ? 0 : static_cast<int>(i);
    std::string wrong = CheckModelLogprob(batch.results.rows()[i], rows, row);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

std::string CheckBaseline(Baseline& baseline, const Rows& rows, const Preset& preset) {
  for (int row = 0; row < kCheckedRows; ++row) {
    const std::vector<float> logits = rows.Widened(row);
    std::string wrong =
        CompareRow(row, baseline.Sample(logits, preset.params), rows, preset.params);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

std::string CheckFloor(float (*read)(const void*, core::DataType, size_t), const Rows& rows) {
  for (int row = 0; row < kCheckedRows; ++row) {
    const std::vector<float> logits = rows.Widened(row);
    const float max = *std::max_element(logits.begin(), logits.end());
    const float found = read(rows.data(row), rows.type(), rows.vocab_size());
    if (found != max) return Differs("the maximum", row, found, max);
  }
  return "";
}

}  // namespace boltzmann::bench
