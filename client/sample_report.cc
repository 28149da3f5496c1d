#include "client/sample_report.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace boltzmann::client {
namespace {

using Line = std::vector<std::string>;

// Lines of as many cells as the first, which is the head, in aligned columns.
class Table {
 public:
  explicit Table(Line head) : lines_{std::move(head)} {}

  void Add(Line line) { lines_.push_back(std::move(line)); }

  bool IsEmpty() const { return lines_.size() == 1; }

  void Print(std::ostream& out) const {
    const std::vector<size_t> widths = Widths();
    for (const Line& line : lines_) PrintLine(line, widths, out);
  }

 private:
  // 0 for a column without anything below its head.
  std::vector<size_t> Widths() const {
    std::vector<size_t> widths(lines_[0].size(), 0);
    for (size_t column = 0; column < widths.size(); ++column) {
      for (size_t i = 1; i < lines_.size(); ++i) {
        widths[column] = std::max(widths[column], lines_[i][column].size());
      }
      if (widths[column] > 0) widths[column] = std::max(widths[column], lines_[0][column].size());
    }
    return widths;
  }

  static void PrintLine(const Line& line, const std::vector<size_t>& widths, std::ostream& out) {
    std::string text;
    for (size_t column = 0; column < line.size(); ++column) {
      if (widths[column] == 0) continue;
      absl::StrAppendFormat(&text, "%s%*s", text.empty() ? "" : "  ",
                            static_cast<int>(widths[column]), line[column]);
    }
    absl::StripTrailingAsciiWhitespace(&text);
    out << text << '\n';
  }

  std::vector<Line> lines_;
};

// Without the prefix that the style of the .proto asks for: "OK".
std::string StatusName(v1::RowStatus status) {
  const std::string name = v1::RowStatus_Name(status);
  if (name.empty()) return absl::StrCat("status ", static_cast<int>(status));
  return std::string(absl::StripPrefix(name, "ROW_STATUS_"));
}

std::string FloatCell(float value) { return absl::StrFormat("%.6f", value); }

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

Table StatsLines(const v1::SampleResponse& response) {
  Table table({"row", "model_entropy", "sampled_entropy", "kept_count", "kept_mass"});
  for (int row = 0; row < response.results_size(); ++row) {
    const v1::RowResult& result = response.results(row);
    if (!result.has_model_entropy() && !result.has_kept_count()) continue;
    table.Add({absl::StrCat(row),
               result.has_model_entropy() ? FloatCell(result.model_entropy()) : "",
               result.has_sampled_entropy() ? FloatCell(result.sampled_entropy()) : "",
               result.has_kept_count() ? absl::StrCat(result.kept_count()) : "",
               result.has_kept_mass() ? FloatCell(result.kept_mass()) : ""});
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

absl::Status CheckRows(const v1::SampleResponse& response) {
  std::string lines;
  int bad = 0;
  for (int row = 0; row < response.results_size(); ++row) {
    const v1::RowResult& result = response.results(row);
    if (result.status() == v1::ROW_STATUS_OK) continue;
    ++bad;
    absl::StrAppend(&lines, "\nrow ", row, ": ", StatusName(result.status()), ": ",
                    result.message());
  }
  if (bad == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(bad, " of ", response.results_size(), " rows could not be sampled:", lines));
}

}  // namespace boltzmann::client
