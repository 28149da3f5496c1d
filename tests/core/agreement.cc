#include "tests/core/agreement.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/reference.h"

namespace boltzmann::test {
namespace {

constexpr double kTieMargin = 1e-12;

// The first difference found, as text; empty if there is none.
using Difference = std::string;

bool IsClose(float got, double expected) {
  const auto rounded = static_cast<float>(expected);  // may be -infinity
  if (std::isinf(rounded) || std::isinf(got)) return got == rounded;
  return std::abs(got - expected) <= 1e-6 * std::max(1.0, std::abs(expected));
}

template <typename T>
Difference CompareIds(const char* what, absl::Span<const int32_t> got, const T& expected) {
  if (got.size() != expected.size()) {
    return absl::StrCat(what, " has ", got.size(), " tokens, expected ", expected.size());
  }
  for (size_t i = 0; i < got.size(); ++i) {
    if (got[i] != expected[i]) {
      return absl::StrCat(what, "[", i, "] is token ", got[i], ", expected ", expected[i]);
    }
  }
  return "";
}

// A column of a table: asked for or empty, and as the reference has it by token id.
template <typename Got, typename Expected, typename Equal>
Difference CompareColumn(const std::string& what, bool asked, absl::Span<const int32_t> ids,
                         absl::Span<Got> got, const Expected& expected, Equal equal) {
  if (got.size() != (asked ? ids.size() : 0)) return absl::StrCat(what, " has ", got.size());
  for (size_t i = 0; i < got.size(); ++i) {
    if (!equal(got[i], expected[ids[i]])) {
      return absl::StrCat(what, "[", i, "] of token ", ids[i], " is ", got[i], ", expected ",
                          expected[ids[i]]);
    }
  }
  return "";
}

// The columns of a table whose ids have been found right.
Difference CompareColumns(const char* name, const Row& row, const core::TokenTable& table,
                          const ReferenceResult& expected) {
  const auto& asked = row.outputs;
  Difference d =
      CompareColumn(absl::StrCat(name, ".model_logprobs"), asked.model_logprobs, table.token_ids,
                    table.model_logprobs, expected.model_logprobs, IsClose);
  if (d.empty()) {
    d = CompareColumn(absl::StrCat(name, ".sampled_logprobs"), asked.sampled_logprobs,
                      table.token_ids, table.sampled_logprobs, expected.sampled_logprobs, IsClose);
  }
  if (d.empty()) {
    d = CompareColumn(absl::StrCat(name, ".ranks"), asked.ranks, table.token_ids, table.ranks,
                      expected.ranks, std::equal_to<>());
  }
  return d;
}

Difference CompareKeptSet(const Row& row, const core::RowResult& got,
                          const ReferenceResult& expected) {
  if (got.kept_count && *got.kept_count != expected.kept.size()) {
    return absl::StrCat("kept_count is ", *got.kept_count, ", expected ", expected.kept.size());
  }
  const size_t listed = std::min<size_t>(row.outputs.top_sampled_count, expected.kept.size());
  return CompareIds("top_sampled", got.top_sampled.token_ids,
                    absl::Span<const int32_t>(expected.kept.data(), listed));
}

Difference CompareTables(const Row& row, const core::RowResult& got,
                         const ReferenceResult& expected) {
  const size_t listed = row.outputs.top_model_count;
  Difference d = CompareIds("top_model", got.top_model.token_ids,
                            absl::Span<const int32_t>(expected.order.data(), listed));
  if (d.empty()) d = CompareIds("named", got.named.token_ids, row.named);
  if (d.empty()) d = CompareColumns("drawn", row, got.drawn, expected);
  if (d.empty()) d = CompareColumns("top_model", row, got.top_model, expected);
  if (d.empty()) d = CompareColumns("top_sampled", row, got.top_sampled, expected);
  if (d.empty()) d = CompareColumns("named", row, got.named, expected);
  return d;
}

Difference CompareNumber(const char* what, bool asked, std::optional<float> got, double expected,
                         double scale) {
  if (got.has_value() != asked) return absl::StrCat(what, asked ? " is missing" : " is set");
  if (!asked || std::abs(*got - expected) <= 1e-6 * scale) return "";
  return absl::StrCat(what, " is ", *got, ", expected ", expected);
}

Difference CompareNumbers(const Row& row, const core::RowResult& got,
                          const ReferenceResult& expected) {
  const auto& asked = row.outputs;
  if (got.kept_count.has_value() != asked.kept_stats) return "kept_count set or not";
  Difference d = CompareNumber("model_entropy", asked.entropy, got.model_entropy,
                               expected.model_entropy, std::max(1.0, expected.model_entropy));
  if (d.empty()) {
    d = CompareNumber("sampled_entropy", asked.entropy, got.sampled_entropy,
                      expected.sampled_entropy, std::max(1.0, expected.sampled_entropy));
  }
  if (d.empty()) {
    d = CompareNumber("kept_mass", asked.kept_stats, got.kept_mass, expected.kept_mass,
                      expected.kept_mass);
  }
  return d;
}

// That a row that cannot be sampled tells nothing but why.
Difference CompareBad(const core::RowResult& got, const ReferenceResult& expected) {
  Difference d = CompareIds("drawn", got.drawn.token_ids, expected.drawn);
  const core::TokenTable* tables[] = {&got.drawn, &got.top_model, &got.top_sampled, &got.named};
  for (const core::TokenTable* table : tables) {
    if (table != &got.drawn && !table->token_ids.empty()) d = "a bad row lists tokens";
    if (!table->model_logprobs.empty() || !table->sampled_logprobs.empty() ||
        !table->ranks.empty()) {
      d = "a bad row has columns";
    }
  }
  if (got.model_entropy || got.sampled_entropy || got.kept_count || got.kept_mass) {
    d = "a bad row has numbers";
  }
  return d;
}

std::string Name(const Row& row) {
  const auto& p = row.params;
  return absl::StrCat("V = ", row.vocab_size(), ", temperature ", p.temperature, ", min_p ",
                      p.min_p, ", top_k ", p.top_k, ", top_p ", p.top_p, ", seed ", row.state.seed,
                      ", position ", row.state.position, ", draws ", row.state.draw_count);
}

}  // namespace

Agreement Compare(const Row& row, const core::RowResult& got) {
  const ReferenceResult expected = Reference(row.logits.widened(), row.params, row.state);
  const auto fail = [&](const Difference& difference) {
    ADD_FAILURE() << difference << "; " << Name(row) << "; margins " << expected.kept_margin << " "
                  << expected.draw_margin;
    return Agreement::kNone;
  };
  if (got.status != expected.status || got.offending_token != expected.offending_token) {
    return fail(absl::StrCat("status ", got.status, " of token ", got.offending_token,
                             ", expected ", expected.status, " of ", expected.offending_token));
  }
  if (got.status != core::RowStatus::kOk) {
    const Difference d = CompareBad(got, expected);
    return d.empty() ? Agreement::kFull : fail(d);
  }
  if (Difference d = CompareKeptSet(row, got, expected); !d.empty()) {
    return expected.kept_margin < kTieMargin ? Agreement::kTie : fail(d);
  }
  if (Difference d = CompareIds("drawn", got.drawn.token_ids, expected.drawn); !d.empty()) {
    return expected.draw_margin < kTieMargin ? Agreement::kTie : fail(d);
  }
  Difference d = CompareTables(row, got, expected);
  if (d.empty()) d = CompareNumbers(row, got, expected);
  return d.empty() ? Agreement::kFull : fail(d);
}

void ExpectAgreement(const Row& row) {
  const Sampled sampled(SharedEngine(), row);
  EXPECT_EQ(Compare(row, sampled[0]), Agreement::kFull);
}

}  // namespace boltzmann::test
