#include "tests/core/agreement.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/reference.h"

namespace boltzmann::test {
namespace {

constexpr double kTieMargin = 1e-12;

// Below it a float is not as precise as 1e-6 of itself.
constexpr double kSmallestNormal = std::numeric_limits<float>::min();

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
  if (!asked || std::abs(*got - expected) <= 1e-6 * scale + kSmallestNormal) return "";
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

Difference CompareMu(const Row& row, const core::RowResult& got, const ReferenceResult& expected) {
  if (got.mirostat_mu.has_value() != (row.params.mirostat > 0)) return "mirostat_mu set or not";
  if (!got.mirostat_mu) return "";
  const double distance = std::abs(*got.mirostat_mu - *expected.mirostat_mu);
  if (distance <= 1e-6 * std::max(1.0, std::abs(*expected.mirostat_mu))) return "";
  return absl::StrCat("mirostat_mu is ", *got.mirostat_mu, ", expected ", *expected.mirostat_mu);
}

// The stages due, with the edits if they are reported: those that change nothing may be.
std::vector<ReferenceStage> StagesDue(const core::RowResult& got, const ReferenceResult& expected) {
  std::vector<ReferenceStage> due = expected.stages;
  const auto begins_with_edits = [](const auto& stages) {
    return !stages.empty() && stages[0].name == std::string("edits");
  };
  if (begins_with_edits(got.stages) && !begins_with_edits(due)) {
    const auto& logprobs = expected.model_logprobs;
    const auto none = std::count(logprobs.begin(), logprobs.end(), -kInf);
    due.insert(due.begin(), {"edits", logprobs.size() - none, 1, expected.model_entropy, 1});
  }
  return due;
}

bool IsClose(const core::StageReport& got, const ReferenceStage& due) {
  const auto within = [](double a, double b, double scale) {
    return std::abs(a - b) <= 1e-6 * scale + kSmallestNormal;
  };
  return got.name == due.name && got.token_count == due.token_count &&
         within(got.mass, due.mass, due.mass) &&
         within(got.entropy, due.entropy, std::max(1.0, due.entropy)) &&
         within(got.temperature, due.temperature, due.temperature);
}

template <typename Stage>
std::string Text(const Stage& stage) {
  return absl::StrCat(stage.name, " (", stage.token_count, " tokens, mass ", stage.mass, ", ",
                      stage.entropy, " bits, temperature ", stage.temperature, ")");
}

Difference CompareStages(const Row& row, const core::RowResult& got,
                         const ReferenceResult& expected) {
  if (!row.outputs.stages) return got.stages.empty() ? "" : "stages are set";
  const std::vector<ReferenceStage> due = StagesDue(got, expected);
  for (size_t i = 0; i < std::min(due.size(), got.stages.size()); ++i) {
    if (IsClose(got.stages[i], due[i])) continue;
    return absl::StrCat("stages[", i, "] is ", Text(got.stages[i]), ", expected ", Text(due[i]));
  }
  if (due.size() == got.stages.size()) return "";
  return absl::StrCat("stages has ", got.stages.size(), " entries, expected ", due.size());
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
  if (got.model_entropy || got.sampled_entropy || got.kept_count || got.kept_mass ||
      got.mirostat_mu || !got.stages.empty()) {
    d = "a bad row has numbers";
  }
  return d;
}

// The parameters that are not at their defaults, and how long the lists are.
std::string Name(const Row& row) {
  const core::SamplingParams defaults;
  const auto& p = row.params;
  std::string name = absl::StrCat("V = ", row.vocab_size());
  const auto add = [&](const char* what, auto value, auto unset) {
    if (value != unset) absl::StrAppend(&name, ", ", what, " ", value);
  };
#define ADD(field) add(#field, p.field, defaults.field)
  ADD(temperature), ADD(min_p), ADD(top_k), ADD(top_p), ADD(typical_p);
  ADD(epsilon_cutoff), ADD(eta_cutoff), ADD(top_n_sigma), ADD(xtc_probability);
  ADD(xtc_threshold), ADD(dynamic_temperature_range), ADD(dynamic_temperature_exponent);
  ADD(mirostat), ADD(mirostat_tau), ADD(mirostat_eta), ADD(min_tokens);
  ADD(repetition_penalty), ADD(frequency_penalty), ADD(presence_penalty);
  ADD(dry_multiplier), ADD(dry_base), ADD(dry_allowed_length), ADD(dry_range);
  ADD(no_repeat_ngram_size);
#undef ADD
#define ADD(field) add(#field, p.field.size(), size_t{0})
  ADD(logit_biases), ADD(allowed_token_ids), ADD(banned_token_ids), ADD(banned_sequences);
  ADD(stop_token_ids), ADD(dry_sequence_breakers);
#undef ADD
  for (core::Stage stage : p.filter_order) absl::StrAppend(&name, ", ", core::NameOf(stage));
  return absl::StrCat(name, "; seed ", row.state.seed, ", position ", row.state.position,
                      ", draws ", row.state.draw_count, ", history ",
                      row.state.prompt_token_ids.size(), "+", row.state.output_token_ids.size(),
                      row.state.allowed_token_mask ? ", masked" : "");
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
  if (d.empty()) d = CompareMu(row, got, expected);
  if (!d.empty()) return fail(d);
  d = CompareStages(row, got, expected);
  if (!d.empty() && expected.kept_margin < kTieMargin) return Agreement::kTie;
  return d.empty() ? Agreement::kFull : fail(d);
}

void ExpectAgreement(const Row& row) {
  const Sampled sampled(SharedEngine(), row);
  EXPECT_EQ(Compare(row, sampled[0]), Agreement::kFull);
}

}  // namespace boltzmann::test
