#include "client/score_report.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/row_status.h"
#include "client/table.h"

namespace boltzmann::client {
namespace {

template <typename Number>
std::string FirstCell(const google::protobuf::RepeatedField<Number>& column,
                      std::string (*cell)(Number)) {
  return column.empty() ? "" : cell(column[0]);
}

std::string LogprobCell(float value) { return FloatCell(value); }
std::string IntegerCell(int32_t value) { return absl::StrCat(value); }

Table RowLines(const v1::ScoreResponse& response) {
  Table table({"row", "status", "token", "model_logprob", "sampled_logprob", "rank"});
  for (int row = 0; row < response.results_size(); ++row) {
    const v1::RowResult& result = response.results(row);
    const v1::TokenTable& token = result.drawn();
    table.Add(
        {absl::StrCat(row), StatusName(result.status()), FirstCell(token.token_ids(), IntegerCell),
         FirstCell(token.model_logprobs(), LogprobCell),
         FirstCell(token.sampled_logprobs(), LogprobCell), FirstCell(token.ranks(), IntegerCell)});
  }
  return table;
}

void PrintSummary(const v1::ScoreResponse& response, std::ostream& out) {
  const auto print = [&out](const char* name, const std::string& value) {
    out << absl::StrFormat("%-28s  %s\n", name, value);
  };
  print("scored_row_count", absl::StrCat(response.scored_row_count()));
  if (response.has_mean_negative_log_likelihood()) {
    print("mean_negative_log_likelihood", FloatCell(response.mean_negative_log_likelihood()));
  }
  if (response.has_perplexity()) print("perplexity", FloatCell(response.perplexity()));
}

void PrintFit(const v1::TemperatureFit& fit, std::ostream& out) {
  Table table({"fit", "temperature", "negative_log_likelihood", "expected_calibration_error"});
  table.Add({"before", FloatCell(1), FloatCell(fit.negative_log_likelihood_before()),
             FloatCell(fit.expected_calibration_error_before())});
  table.Add({"after", FloatCell(fit.temperature()), FloatCell(fit.negative_log_likelihood_after()),
             FloatCell(fit.expected_calibration_error_after())});
  table.Print(out);
  if (fit.at_limit()) {
    out << "The likelihood still rises at this temperature, the end of the range.\n";
  }
}

}  // namespace

void PrintScores(const v1::ScoreResponse& response, std::ostream& out) {
  RowLines(response).Print(out);
  out << '\n';
  PrintSummary(response, out);
  if (!response.has_temperature_fit()) return;
  out << '\n';
  PrintFit(response.temperature_fit(), out);
}

}  // namespace boltzmann::client
