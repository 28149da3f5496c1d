#include "client/describe_report.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/row_status.h"
#include "client/table.h"

namespace boltzmann::client {
namespace {

constexpr char kIndent[] = "  ";
constexpr int kBarWidth = 12;

// Six significant digits, however small.
std::string ShortCell(double value) { return absl::StrFormat("%.6g", value); }

std::string LogprobCell(std::optional<double> logprob) {
  return logprob ? FloatCell(*logprob) : "";
}

// The table, each line after its head followed by the bars of the same place.
void PrintWithBars(const Table& table, const std::vector<std::string>& bars, std::ostream& out) {
  const std::vector<std::string> lines = table.Text();
  out << '\n' << kIndent << lines[0] << '\n';
  for (size_t i = 1; i < lines.size(); ++i) {
    out << kIndent << lines[i] << "  " << bars[i - 1] << '\n';
  }
}

void PrintFigures(const RowView& row, const Paint& paint, std::ostream& out) {
  const auto print = [&out, &paint](const char* name, const std::string& value, const char* unit) {
    out << kIndent << absl::StrFormat("%-15s", name) << kIndent << paint(Ink::kBold, value) << unit
        << '\n';
  };
  const v1::RowDescription& description = row.description;
  print("model_entropy", FloatCell(description.model_entropy()), " bits");
  print("sampled_entropy", FloatCell(description.sampled_entropy()), " bits");
  print("kept_count", absl::StrCat(description.kept_count()),
        absl::StrCat(" of ", row.vocab_size).c_str());
  print("kept_mass", FloatCell(description.kept_mass()), "");
}

void PrintStages(const RowView& row, std::ostream& out) {
  Table table({"stage", "tokens_left", "removed", "mass_removed", "entropy", "temperature"});
  for (const StageView& stage : row.stages) {
    table.Add({stage.report.stage(), absl::StrCat(stage.report.token_count()),
               stage.removed_count ? absl::StrCat(*stage.removed_count) : "",
               stage.removed_mass ? FloatCell(*stage.removed_mass) : "",
               FloatCell(stage.report.entropy()), ShortCell(stage.report.temperature())});
  }
  if (table.IsEmpty()) return;
  out << '\n';
  table.Print(out, kIndent);
}

// Both bars of a token to one scale: the largest probability listed is a full bar.
std::string TokenBars(const TokenView& token, double largest, const Paint& paint) {
  return absl::StrCat(
      paint(Ink::kModel, PaddedBar(token.model_probability / largest, kBarWidth)), "|",
      token.kept ? paint(Ink::kSampled, Bar(token.sampled_probability / largest, kBarWidth)) : "");
}

void PrintTokens(const RowView& row, const Paint& paint, std::ostream& out) {
  double largest = 1e-300;
  for (const TokenView& token : row.tokens) {
    largest = std::max({largest, token.model_probability, token.sampled_probability});
  }
  Table table({"token", "word", "model", "logprob", "mass", "sampled", "logprob", "mass", "fate"});
  std::vector<std::string> bars;
  for (const TokenView& token : row.tokens) {
    table.Add({absl::StrCat(token.id), token.word, ProbabilityCell(token.model_probability),
               LogprobCell(token.model_logprob), ProbabilityCell(token.model_mass),
               ProbabilityCell(token.sampled_probability), LogprobCell(token.sampled_logprob),
               ProbabilityCell(token.sampled_mass), token.fate});
    bars.push_back(TokenBars(token, largest, paint));
  }
  if (table.IsEmpty()) return;
  const std::vector<std::string> lines = table.Text();
  out << '\n' << kIndent << lines[0] << '\n';
  for (size_t i = 0; i < bars.size(); ++i) {
    const std::string& line = lines[i + 1];
    out << kIndent << (row.tokens[i].kept ? line : paint(Ink::kFaint, line)) << "  " << bars[i]
        << '\n';
  }
}

void PrintAllTokens(const RowView& row, std::ostream& out) {
  const v1::RowDescription& description = row.description;
  Table table({"token", "word", "model_probability", "sampled_probability"});
  for (int id = 0; id < description.model_probabilities_size(); ++id) {
    const bool known = id < description.sampled_probabilities_size();
    table.Add({absl::StrCat(id), row.words[static_cast<size_t>(id)],
               ShortCell(description.model_probabilities(id)),
               known ? ShortCell(description.sampled_probabilities(id)) : ""});
  }
  if (table.IsEmpty()) return;
  out << '\n';
  table.Print(out, kIndent);
}

void PrintDraws(const DrawsView& draws, const Paint& paint, std::ostream& out) {
  double largest = 1e-300;
  for (const DrawView& token : draws.tokens) {
    largest = std::max({largest, token.expected, static_cast<double>(token.observed)});
  }
  Table table({"token", "word", "probability", "frequency", "expected", "observed", "deviation"});
  std::vector<std::string> bars;
  for (const DrawView& token : draws.tokens) {
    table.Add({token.id < 0 ? "others" : absl::StrCat(token.id), token.word,
               ProbabilityCell(token.probability),
               ProbabilityCell(static_cast<double>(token.observed) / draws.count),
               absl::StrFormat("%.1f", token.expected), absl::StrCat(token.observed),
               absl::StrFormat("%+.2f", token.deviation)});
    bars.push_back(absl::StrCat(paint(Ink::kModel, PaddedBar(token.expected / largest, kBarWidth)),
                                "|",
                                paint(Ink::kSampled, Bar(token.observed / largest, kBarWidth))));
  }
  out << '\n' << kIndent << draws.count << " draws with seed " << draws.seed << '\n';
  PrintWithBars(table, bars, out);
  out << kIndent << DrawsVerdict(draws) << '\n';
}

void PrintRow(const RowView& row, const Paint& paint, std::ostream& out) {
  const v1::RowDescription& description = row.description;
  out << "row " << row.number << ": " << StatusName(description.status());
  out << (description.message().empty() ? "" : ": ") << description.message() << '\n';
  if (!IsAnswered(description.status())) return;
  PrintFigures(row, paint, out);
  PrintStages(row, out);
  PrintTokens(row, paint, out);
  PrintAllTokens(row, out);
  if (row.draws) PrintDraws(*row.draws, paint, out);
}

// Of the tokens in the model's order, to the scale of the largest.
std::string Sparks(const v1::RowDescription& row) {
  const auto& shares = row.top_model().sampled_probabilities();
  if (shares.empty()) return "";
  const double largest = std::max(1e-300, double{*std::max_element(shares.begin(), shares.end())});
  std::string sparks;
  for (const float share : shares) sparks += Spark(share / largest);
  return sparks;
}

}  // namespace

std::string ProbabilityCell(double probability) {
  if (probability == 0) return "0";
  if (probability < 0.0001) return absl::StrFormat("%.1e", probability);
  return absl::StrFormat("%.4f", probability);
}

std::string DrawsVerdict(const DrawsView& draws) {
  std::string verdict;
  if (draws.impossible > 0) {
    absl::StrAppend(&verdict, draws.impossible, " draws are of tokens that were not kept. ");
  }
  if (draws.tokens.size() == 1 && draws.tokens[0].observed == draws.count) {
    return verdict + "every draw is of the one token that was kept";
  }
  if (draws.cells == 0) {
    return verdict + "too few tokens are expected 5 times or more to compare them";
  }
  const int freedom = draws.cells - 1;
  absl::StrAppendFormat(&verdict, "chi-square %.2f, where %d +- %.1f is usual", draws.chi_square,
                        freedom, std::sqrt(2.0 * freedom));
  const DrawView& most = draws.tokens[static_cast<size_t>(draws.most_deviant)];
  absl::StrAppendFormat(&verdict, "; largest deviation %+.2f standard errors, of %s",
                        most.deviation,
                        most.id < 0 ? "the others" : absl::StrCat("token ", most.id));
  return verdict;
}

void PrintRows(const std::vector<RowView>& rows, const Paint& paint, std::ostream& out) {
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i > 0) out << '\n';
    PrintRow(rows[i], paint, out);
  }
}

void PrintSweep(const SweepView& view, const Paint& paint, std::ostream& out) {
  out << "row " << view.row << " over " << view.sweep.parameter << '\n';
  Table table({view.sweep.parameter, "entropy", "kept_count", "kept_mass", "top_token", "word",
               "top_probability"});
  std::vector<std::string> bars;
  for (int i = 0; i < view.response.descriptions_size(); ++i) {
    const v1::RowDescription& row = view.response.descriptions(i);
    const v1::ProbabilityTable& top = row.top_sampled();
    const bool listed = top.token_ids_size() > 0 && top.sampled_probabilities_size() > 0;
    table.Add({ShortCell(view.sweep.values[static_cast<size_t>(i)]),
               FloatCell(row.sampled_entropy()), absl::StrCat(row.kept_count()),
               FloatCell(row.kept_mass()), listed ? absl::StrCat(top.token_ids(0)) : "",
               listed ? view.word_of(top.token_ids(0)) : "",
               listed ? FloatCell(top.sampled_probabilities(0)) : ""});
    const double first = listed ? top.sampled_probabilities(0) : 0;
    bars.push_back(absl::StrCat(paint(Ink::kSampled, PaddedBar(first, kBarWidth)), "|",
                                paint(Ink::kSampled, Sparks(row))));
  }
  PrintWithBars(table, bars, out);
}

}  // namespace boltzmann::client
