#include "client/sample_report.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "client/row_status.h"
#include "client/table.h"

namespace boltzmann::client {
namespace {

std::string LogprobCell(const google::protobuf::RepeatedField<float>& column, int i) {
  return i < column.size() ? FloatCell(column[i]) : "";
}

std::string RankCell(const v1::TokenTable& tokens, int i) {
  return i < tokens.ranks_size() ? absl::StrCat(tokens.ranks(i)) : "";
}

void AddTokens(int row, const v1::RowResult& result, const char* list, const v1::TokenTable& tokens,
               Table& table) {
  for (int i = 0; i < tokens.token_ids_size(); ++i) {
    table.Add({absl::StrCat(row), StatusName(result.status()), absl::StrCat(result.seed()), list,
               absl::StrCat(tokens.token_ids(i)), LogprobCell(tokens.model_logprobs(), i),
               LogprobCell(tokens.sampled_logprobs(), i), RankCell(tokens, i)});
  }
}

Table TokenLines(const v1::SampleResponse& response) {
  Table table(
      {"row", "status", "seed", "list", "token", "model_logprob", "sampled_logprob", "rank"});
  for (int row = 0; row < response.results_size(); ++row) {
    const v1::RowResult& result = response.results(row);
    AddTokens(row, result, "drawn", result.drawn(), table);
    AddTokens(row, result, "top_model", result.top_model(), table);
    AddTokens(row, result, "top_sampled", result.top_sampled(), table);
    AddTokens(row, result, "named", result.named(), table);
  }
  return table;
}

// The line's cells past the row's number; all empty if the row reports none of them.
Line StatsCells(const v1::RowResult& result) {
  return {result.has_model_entropy() ? FloatCell(result.model_entropy()) : "",
          result.has_sampled_entropy() ? FloatCell(result.sampled_entropy()) : "",
          result.has_kept_count() ? absl::StrCat(result.kept_count()) : "",
          result.has_kept_mass() ? FloatCell(result.kept_mass()) : "",
          // With all digits: it is handed back at the next step.
          result.has_mirostat_mu() ? ExactCell(result.mirostat_mu()) : ""};
}

Table StatsLines(const v1::SampleResponse& response) {
  Table table(
      {"row", "model_entropy", "sampled_entropy", "kept_count", "kept_mass", "mirostat_mu"});
  for (int row = 0; row < response.results_size(); ++row) {
    const v1::RowResult& result = response.results(row);
    if (!result.has_model_entropy() && !result.has_kept_count() && !result.has_mirostat_mu()) {
      continue;
    }
    Line line = StatsCells(result);
    line.insert(line.begin(), absl::StrCat(row));
    table.Add(line);
  }
  return table;
}

}  // namespace

void PrintReport(const v1::SampleResponse& response, std::ostream& out) {
  TokenLines(response).Print(out);
  const Table stats = StatsLines(response);
  if (stats.IsEmpty()) return;
  out << '\n';
  stats.Print(out);
}

}  // namespace boltzmann::client
