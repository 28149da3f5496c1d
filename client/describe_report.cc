#include "client/describe_report.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/row_status.h"
#include "client/table.h"

namespace boltzmann::client {
namespace {

constexpr char kIndent[] = "  ";

// Six significant digits, however small.
std::string ShortCell(double value) { return absl::StrFormat("%.6g", value); }

void PrintFigures(const v1::RowDescription& row, std::ostream& out) {
  const auto print = [&out](const char* name, const std::string& value) {
    out << absl::StrFormat("%s%-16s %s\n", kIndent, name, value);
  };
  print("model_entropy", FloatCell(row.model_entropy()));
  print("sampled_entropy", FloatCell(row.sampled_entropy()));
  print("kept_count", absl::StrCat(row.kept_count()));
  print("kept_mass", FloatCell(row.kept_mass()));
}

Table StageLines(const v1::RowDescription& row) {
  Table table({"stage", "tokens_left", "mass_kept", "entropy", "temperature"});
  for (const v1::StageReport& stage : row.stages()) {
    table.Add({stage.stage(), absl::StrCat(stage.token_count()), FloatCell(stage.mass()),
               FloatCell(stage.entropy()), ShortCell(stage.temperature())});
  }
  return table;
}

using Column = google::protobuf::RepeatedField<float>;

std::string ProbabilityCell(const Column& column, int i) {
  return i < column.size() ? ShortCell(column[i]) : "";
}

void AddTokens(const char* list, const v1::ProbabilityTable& tokens, Table& table) {
  for (int i = 0; i < tokens.token_ids_size(); ++i) {
    table.Add({list, absl::StrCat(tokens.token_ids(i)),
               ProbabilityCell(tokens.model_probabilities(), i),
               ProbabilityCell(tokens.sampled_probabilities(), i)});
  }
}

Table TokenLines(const v1::RowDescription& row) {
  Table table({"list", "token", "model_probability", "sampled_probability"});
  AddTokens("top_model", row.top_model(), table);
  AddTokens("top_sampled", row.top_sampled(), table);
  for (int id = 0; id < row.model_probabilities_size(); ++id) {
    table.Add({"all", absl::StrCat(id), ProbabilityCell(row.model_probabilities(), id),
               ProbabilityCell(row.sampled_probabilities(), id)});
  }
  return table;
}

// After a blank line, if it has any line but its head.
void PrintTable(const Table& table, std::ostream& out) {
  if (table.IsEmpty()) return;
  out << '\n';
  table.Print(out, kIndent);
}

void PrintRow(int number, const v1::RowDescription& row, std::ostream& out) {
  out << "row " << number << ": " << StatusName(row.status());
  out << (row.message().empty() ? "" : ": ") << row.message() << '\n';
  if (!IsAnswered(row.status())) return;
  PrintFigures(row, out);
  PrintTable(StageLines(row), out);
  PrintTable(TokenLines(row), out);
}

}  // namespace

void PrintDescriptions(const v1::DescribeResponse& response, std::ostream& out) {
  for (int row = 0; row < response.descriptions_size(); ++row) {
    if (row > 0) out << '\n';
    PrintRow(row, response.descriptions(row), out);
  }
}

}  // namespace boltzmann::client
