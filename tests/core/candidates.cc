#include "tests/core/candidates.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "gtest/gtest.h"

namespace boltzmann::test {
namespace {

// Where a share of all mass is compared: that of the candidates and the log-sum-exp are rounded.
constexpr double kTieMargin = 1e-11;

bool IsClose(float got, double expected) {
  const auto rounded = static_cast<float>(expected);  // may be -infinity
  if (std::isinf(rounded) || std::isinf(got)) return got == rounded;
  return std::abs(got - expected) <= 1e-6 * std::max(1.0, std::abs(expected));
}

double MaxOf(std::span<const float> logits) {
  return *std::max_element(logits.begin(), logits.end());
}

// ln of the sum of exp(logit - largest).
double LogSumAboveMax(std::span<const float> logits) {
  const double max = MaxOf(logits);
  double sum = 0;
  for (float l : logits) sum += std::exp(l - max);
  return std::log(sum);
}

template <typename Got>
bool Equals(Got got, double expected) {
  return std::is_same_v<Got, float> ? IsClose(static_cast<float>(got), expected) : got == expected;
}

// Fails at the first entry that is another than expected(token).
template <typename Got, typename Expected>
void ExpectColumn(const char* name, const core::TokenTable& table, absl::Span<Got> column,
                  Expected expected) {
  for (size_t i = 0; i < column.size(); ++i) {
    const int32_t t = table.token_ids[i];
    ASSERT_TRUE(Equals(column[i], expected(t)))
        << name << "[" << i << "], token " << t << ": " << column[i] << " not " << expected(t);
  }
}

void ExpectColumns(const char* name, const CutRow& row, const core::TokenTable& table,
                   const ReferenceResult& full) {
  SCOPED_TRACE(name);
  const double max = MaxOf(row.logits.widened());
  const double log_sum =
      row.log_sum_exp ? *row.log_sum_exp - max : LogSumAboveMax(row.logits.widened());
  ExpectColumn("model_logprobs", table, table.model_logprobs,
               [&](int32_t t) { return row.full.logits.widened()[t] - max - log_sum; });
  ExpectColumn("sampled_logprobs", table, table.sampled_logprobs,
               [&](int32_t t) { return full.sampled_logprobs[t]; });
  ExpectColumn("ranks", table, table.ranks, [&](int32_t t) { return full.ranks[t]; });
}

void ExpectTables(const CutRow& row, const core::RowResult& got, const ReferenceResult& full) {
  ExpectColumns("drawn", row, got.drawn, full);
  ExpectColumns("top_model", row, got.top_model, full);
  ExpectColumns("top_sampled", row, got.top_sampled, full);
  ExpectColumns("named", row, got.named, full);
}

void ExpectKept(const CutRow& row, const core::RowResult& got, const ReferenceResult& full) {
  if (got.kept_count) {
    EXPECT_EQ(*got.kept_count, full.kept.size());
  }
  const size_t listed = std::min<size_t>(row.full.outputs.top_sampled_count, full.kept.size());
  const auto ids = got.top_sampled.token_ids;
  EXPECT_EQ(std::vector(ids.begin(), ids.end()),
            std::vector(full.kept.begin(), full.kept.begin() + static_cast<int64_t>(listed)));
}

bool HasColumns(const CutRow& row, const core::TokenTable& table) {
  const core::OutputOptions& asked = row.full.outputs;
  const size_t count = table.token_ids.size();
  return table.model_logprobs.size() == (asked.model_logprobs ? count : 0) &&
         table.sampled_logprobs.size() == (asked.sampled_logprobs ? count : 0) &&
         table.ranks.size() == (asked.ranks ? count : 0);
}

}  // namespace

double LogSumExp(const Row& row) {
  const std::vector<float>& logits = row.logits.widened();
  return MaxOf(logits) + LogSumAboveMax(logits);
}

CutRow Cut(Row full, size_t count, Stream& order) {
  const std::vector<float>& logits = full.logits.widened();
  std::vector<int32_t> ids = AllTokens(logits.size());
  std::stable_sort(ids.begin(), ids.end(),
                   [&](int32_t a, int32_t b) { return logits[a] > logits[b]; });
  ids.resize(count);
  for (size_t i = ids.size(); i > 1; --i) {
    std::swap(ids[i - 1], ids[order.Below(static_cast<int64_t>(i))]);
  }
  std::vector<float> sent;
  for (int32_t id : ids) sent.push_back(logits[id]);
  const Encoded narrowed(sent, full.logits.row().type());
  CutRow row{.full = std::move(full), .token_ids = std::move(ids), .logits = narrowed};
  row.full.named = row.token_ids;
  return row;
}

CutSampled::CutSampled(core::Engine& engine, std::span<const CutRow> rows) {
  outputs_.reserve(rows.size());
  for (const CutRow& row : rows) {
    outputs_.push_back(row.full.outputs);
    outputs_.back().named_token_ids = row.full.named;
    batch_.rows.push_back({row.logits.row(), &row.full.params, &outputs_.back(), row.full.state,
                           core::Candidates{row.token_ids, row.full.vocab_size(), row.log_sum_exp},
                           std::nullopt});
  }
  const absl::Status status = engine.Sample(batch_);
  EXPECT_TRUE(status.ok()) << status;
}

void ExpectAsFull(const CutRow& row, const core::RowResult& got, const ReferenceResult& full) {
  ASSERT_EQ(got.status, core::RowStatus::kOk);
  ASSERT_EQ(full.status, core::RowStatus::kOk);
  if (full.kept_margin < kTieMargin) return;
  ExpectKept(row, got, full);
  if (full.draw_margin < kTieMargin) return;
  const auto drawn = got.drawn.token_ids;
  EXPECT_EQ(std::vector(drawn.begin(), drawn.end()), full.drawn);
  ExpectTables(row, got, full);
  if (got.sampled_entropy) {
    EXPECT_NEAR(*got.sampled_entropy, full.sampled_entropy,
                1e-6 * std::max(1.0, full.sampled_entropy));
  }
  ASSERT_EQ(got.mirostat_mu.has_value(), full.mirostat_mu.has_value());
  if (got.mirostat_mu) {
    EXPECT_NEAR(*got.mirostat_mu, *full.mirostat_mu,
                1e-6 * std::max(1.0, std::abs(*full.mirostat_mu)));
  }
}

void ExpectComplete(const CutRow& row, const core::RowResult& got) {
  const core::OutputOptions& asked = row.full.outputs;
  std::vector<int32_t> candidates = row.token_ids;
  std::sort(candidates.begin(), candidates.end());
  ASSERT_EQ(got.drawn.token_ids.size(), row.full.state.draw_count);
  for (const core::TokenTable* table : {&got.drawn, &got.top_model, &got.top_sampled, &got.named}) {
    EXPECT_TRUE(HasColumns(row, *table));
    for (int32_t t : table->token_ids) {
      EXPECT_TRUE(std::binary_search(candidates.begin(), candidates.end(), t)) << t;
    }
  }
  EXPECT_EQ(got.model_entropy.has_value(), asked.entropy);
  EXPECT_EQ(got.sampled_entropy.has_value(), asked.entropy);
  EXPECT_EQ(got.kept_count.has_value(), asked.kept_stats);
  EXPECT_EQ(got.kept_mass.has_value(), asked.kept_stats);
  EXPECT_EQ(got.mirostat_mu.has_value(), row.full.params.mirostat > 0);
}

}  // namespace boltzmann::test
