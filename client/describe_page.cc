#include "client/describe_page.h"

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "client/describe_report.h"
#include "client/row_status.h"
#include "client/table.h"

namespace boltzmann::client {
namespace {

constexpr char kStyle[] = R"(
:root { color-scheme: light dark; --ink: #1c2330; --soft: #647084; --line: #dfe4ec;
  --paper: #f6f7fa; --card: #fff; --model: #8fa6c9; --sampled: #1f8a5b; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ef; --soft: #96a1b5; --line: #2f3747; --paper: #12161e; --card: #1b212c;
    --model: #4f6893; --sampled: #3fbf86; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem 1rem; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif; }
main { max-width: 62rem; margin: auto; }
h1 { font-size: 1.5rem; margin: 0 0 1rem; }
h2 { font-size: 1.15rem; margin: 0 0 1rem; }
h3 { font-size: .95rem; margin: 1.5rem 0 .4rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 1.25rem; margin-bottom: 1.25rem; overflow-x: auto; }
.figures { display: grid; gap: .75rem;
  grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); }
.figures div { border: 1px solid var(--line); border-radius: 8px; padding: .6rem .8rem; }
.figures b { display: block; font-size: 1.2rem; font-variant-numeric: tabular-nums; }
.soft, .figures span, th { color: var(--soft); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { font-weight: 500; font-size: .8rem; }
th, td { text-align: right; padding: .25rem .6rem; white-space: nowrap; }
tbody tr { border-top: 1px solid var(--line); }
td.word { text-align: left; font-family: ui-monospace, monospace; }
td.bars { width: 38%; min-width: 12rem; }
.bar { height: 9px; border-radius: 2px; min-width: 1px; margin: 1px 0; background: var(--model); }
.bar.sampled { background: var(--sampled); }
.bar.none { visibility: hidden; }
tr.removed td { color: var(--soft); }
.stack { display: flex; height: 20px; border-radius: 3px; overflow: hidden;
  background: var(--line); }
.key { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px;
  margin: 0 .35rem 0 1rem; vertical-align: -1px; }
)";

// Told apart by hue, light and dark in turn; the same in both schemes.
constexpr const char* kColors[] = {"#3b7dd8", "#e08a2c", "#2fa36b", "#c94f6d", "#8a63c9",
                                   "#2aa0a8", "#b5a22b", "#d46cb0", "#6c8a3a", "#8b6b52"};

std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

std::string Page(const std::string& title, const std::string& body) {
  return absl::StrCat("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
                      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>",
                      Escaped(title), "</title>\n<style>", kStyle, "</style>\n</head>\n<body>\n",
                      "<main>\n<h1>", Escaped(title), "</h1>\n", body,
                      "</main>\n</body>\n</html>\n");
}

std::string Cell(const std::string& text) { return absl::StrCat("<td>", Escaped(text), "</td>"); }

std::string WordCell(const std::string& word) {
  return absl::StrCat("<td class=\"word\">", Escaped(word), "</td>");
}

// A bar as long as `share` of its cell; of a share of 0 only its place.
std::string BarOf(double share, bool sampled) {
  return absl::StrFormat("<div class=\"bar%s%s\" style=\"width:%.2f%%\"></div>",
                         sampled ? " sampled" : "", share > 0 ? "" : " none",
                         100 * std::clamp(share, 0.0, 1.0));
}

std::string BarsCell(double model, double sampled) {
  return absl::StrCat("<td class=\"bars\">", BarOf(model, false), BarOf(sampled, true), "</td>");
}

// A table with these heads and the rows that `lines` has.
std::string TableOf(const std::vector<std::string>& heads, const std::string& lines) {
  std::string table = "<table>\n<thead><tr>";
  for (const std::string& head : heads) absl::StrAppend(&table, "<th>", Escaped(head), "</th>");
  return absl::StrCat(table, "</tr></thead>\n<tbody>\n", lines, "</tbody>\n</table>\n");
}

std::string Figure(const std::string& name, const std::string& value, const std::string& unit) {
  return absl::StrCat("<div><span>", name, "</span><b>", Escaped(value), "</b><span>",
                      Escaped(unit), "</span></div>\n");
}

std::string Figures(const RowView& row) {
  const v1::RowDescription& description = row.description;
  return absl::StrCat("<div class=\"figures\">\n",
                      Figure("model entropy", FloatCell(description.model_entropy()), "bits"),
                      Figure("sampled entropy", FloatCell(description.sampled_entropy()), "bits"),
                      Figure("kept", absl::StrCat(description.kept_count()),
                             absl::StrCat("of ", row.vocab_size, " tokens")),
                      Figure("kept mass", FloatCell(description.kept_mass()), "before the filters"),
                      "</div>\n");
}

std::string Stages(const RowView& row) {
  std::string lines;
  for (const StageView& stage : row.stages) {
    absl::StrAppend(&lines, "<tr>", Cell(stage.report.stage()),
                    Cell(absl::StrCat(stage.report.token_count())),
                    Cell(stage.removed_count ? absl::StrCat(*stage.removed_count) : ""),
                    Cell(stage.removed_mass ? FloatCell(*stage.removed_mass) : ""),
                    Cell(FloatCell(stage.report.entropy())),
                    Cell(absl::StrFormat("%.6g", stage.report.temperature())), "</tr>\n");
  }
  if (lines.empty()) return "";
  return absl::StrCat("<h3>Stages</h3>\n", TableOf({"stage", "tokens left", "removed",
                                                    "mass removed", "entropy", "temperature"},
                                                   lines));
}

std::string LogprobCell(std::optional<double> logprob) {
  return Cell(logprob ? FloatCell(*logprob) : "");
}

std::string Tokens(const RowView& row) {
  double largest = 1e-300;
  for (const TokenView& token : row.tokens) {
    largest = std::max({largest, token.model_probability, token.sampled_probability});
  }
  std::string lines;
  for (const TokenView& token : row.tokens) {
    absl::StrAppend(
        &lines, token.kept ? "<tr>" : "<tr class=\"removed\">", Cell(absl::StrCat(token.id)),
        WordCell(token.word),
        BarsCell(token.model_probability / largest, token.sampled_probability / largest),
        Cell(ProbabilityCell(token.model_probability)), LogprobCell(token.model_logprob),
        Cell(ProbabilityCell(token.model_mass)));
    absl::StrAppend(&lines, Cell(ProbabilityCell(token.sampled_probability)),
                    LogprobCell(token.sampled_logprob), Cell(ProbabilityCell(token.sampled_mass)),
                    Cell(token.fate), "</tr>\n");
  }
  if (lines.empty()) return "";
  return absl::StrCat(
      "<h3>Tokens<span class=\"key\" style=\"background:var(--model)\"></span>model",
      "<span class=\"key\" style=\"background:var(--sampled)\"></span>sampled</h3>\n",
      TableOf({"token", "", "", "model", "log-prob", "mass", "sampled", "log-prob", "mass", "fate"},
              lines));
}

std::string AllTokens(const RowView& row) {
  const v1::RowDescription& description = row.description;
  std::string lines;
  for (int id = 0; id < description.model_probabilities_size(); ++id) {
    const bool known = id < description.sampled_probabilities_size();
    const double model = description.model_probabilities(id);
    const double sampled = known ? description.sampled_probabilities(id) : 0;
    absl::StrAppend(&lines, "<tr>", Cell(absl::StrCat(id)),
                    WordCell(row.words[static_cast<size_t>(id)]), BarsCell(model, sampled),
                    Cell(ProbabilityCell(model)), Cell(ProbabilityCell(sampled)), "</tr>\n");
  }
  if (lines.empty()) return "";
  return absl::StrCat("<h3>All tokens, by id</h3>\n",
                      TableOf({"token", "", "", "model", "sampled"}, lines));
}

std::string Draws(const DrawsView& draws) {
  double largest = 1e-300;
  for (const DrawView& token : draws.tokens) {
    largest = std::max({largest, token.expected, static_cast<double>(token.observed)});
  }
  std::string lines;
  for (const DrawView& token : draws.tokens) {
    absl::StrAppend(&lines, "<tr>", Cell(token.id < 0 ? "others" : absl::StrCat(token.id)),
                    WordCell(token.word),
                    BarsCell(token.expected / largest, token.observed / largest),
                    Cell(ProbabilityCell(token.probability)),
                    Cell(ProbabilityCell(static_cast<double>(token.observed) / draws.count)));
    absl::StrAppend(&lines, Cell(absl::StrFormat("%.1f", token.expected)),
                    Cell(absl::StrCat(token.observed)),
                    Cell(absl::StrFormat("%+.2f", token.deviation)), "</tr>\n");
  }
  return absl::StrCat(
      "<h3>", draws.count, " draws with seed ", draws.seed,
      "<span class=\"key\" style=\"background:var(--model)\"></span>expected",
      "<span class=\"key\" style=\"background:var(--sampled)\"></span>observed</h3>\n",
      TableOf({"token", "", "", "probability", "frequency", "expected", "observed", "deviation"},
              lines),
      "<p class=\"soft\">", Escaped(DrawsVerdict(draws)), "</p>\n");
}

std::string RowSection(const RowView& row) {
  const v1::RowDescription& description = row.description;
  std::string section = absl::StrCat("<section>\n<h2>Row ", row.number, ": ",
                                     Escaped(StatusName(description.status())), "</h2>\n");
  if (!description.message().empty()) {
    absl::StrAppend(&section, "<p>", Escaped(description.message()), "</p>\n");
  }
  if (IsAnswered(description.status())) {
    absl::StrAppend(&section, Figures(row), Stages(row), Tokens(row), AllTokens(row),
                    row.draws ? Draws(*row.draws) : "");
  }
  return absl::StrCat(section, "</section>\n");
}

// The first tokens of the row, each as wide as its probability; what is left empty is the others'.
std::string Stack(const v1::ProbabilityTable& table) {
  std::string stack = "<td class=\"bars\"><div class=\"stack\">";
  for (int i = 0; i < table.sampled_probabilities_size(); ++i) {
    absl::StrAppendFormat(&stack, "<div style=\"width:%.3f%%;background:%s\"></div>",
                          100 * double{table.sampled_probabilities(i)},
                          kColors[static_cast<size_t>(i) % std::size(kColors)]);
  }
  return absl::StrCat(stack, "</div></td>");
}

std::string SweepKey(const SweepView& view) {
  std::string key = "<p class=\"soft\">";
  const auto& ids = view.response.descriptions(0).top_model().token_ids();
  for (int i = 0; i < ids.size(); ++i) {
    const std::string word = view.word_of(ids[i]);
    absl::StrAppend(&key, "<span class=\"key\" style=\"background:",
                    kColors[static_cast<size_t>(i) % std::size(kColors)], "\"></span>",
                    Escaped(word.empty() ? absl::StrCat(ids[i]) : word));
  }
  return absl::StrCat(key, "</p>\n");
}

}  // namespace

std::string PageOfRows(const std::vector<RowView>& rows) {
  std::string body;
  for (const RowView& row : rows) absl::StrAppend(&body, RowSection(row));
  return Page(rows.size() == 1 ? "What a row is drawn from" : "What rows are drawn from", body);
}

std::string PageOfSweep(const SweepView& view) {
  std::string lines;
  for (int i = 0; i < view.response.descriptions_size(); ++i) {
    const v1::RowDescription& row = view.response.descriptions(i);
    const v1::ProbabilityTable& top = row.top_sampled();
    const bool listed = top.token_ids_size() > 0 && top.sampled_probabilities_size() > 0;
    absl::StrAppend(&lines, "<tr>",
                    Cell(absl::StrFormat("%.6g", view.sweep.values[static_cast<size_t>(i)])),
                    Stack(row.top_model()), Cell(FloatCell(row.sampled_entropy())),
                    Cell(absl::StrCat(row.kept_count())), Cell(FloatCell(row.kept_mass())),
                    Cell(listed ? absl::StrCat(top.token_ids(0)) : ""),
                    Cell(listed ? FloatCell(top.sampled_probabilities(0)) : ""), "</tr>\n");
  }
  const std::string title = absl::StrCat("Row ", view.row, " over ", view.sweep.parameter);
  return Page(title, absl::StrCat("<section>\n", SweepKey(view),
                                  TableOf({view.sweep.parameter, "", "entropy", "kept", "kept mass",
                                           "top token", "its probability"},
                                          lines),
                                  "</section>\n"));
}

absl::Status WritePage(const std::string& path, const std::string& page) {
  std::ofstream file(path, std::ios::binary);
  file << page;
  file.close();
  if (file) return absl::OkStatus();
  return absl::UnknownError(absl::StrCat("--html: ", path, " could not be written"));
}

}  // namespace boltzmann::client
