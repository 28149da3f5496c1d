#include "client/load_html.h"

#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/html_text.h"
#include "client/load_charts.h"
#include "client/load_figures.h"
#include "client/svg_chart.h"
#include "client/table.h"

namespace boltzmann::client {
namespace {

constexpr char kStyle[] = R"(:root { color-scheme: light dark; --ink: #1b2230; --faint: #616b7c;
  --line: #dfe3ea; --paper: #f4f6f9; --card: #fff; --blue: #2868c8; --orange: #d9641e;
  --grey: #9aa4b4; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ef; --faint: #98a2b3; --line: #2f3744;
  --paper: #12161d; --card: #1a2029; --blue: #6ba4f4; --orange: #f0945a; --grey: #6c7687;
  --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.2rem; max-width: 1160px; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 .6rem; }
p { margin: .2rem 0; white-space: pre-line; overflow-wrap: anywhere; }
.faint { color: var(--faint); }
.bad { color: var(--bad); }
section, figure { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 1rem 1.1rem; }
section { margin-top: 1rem; overflow-x: auto; }
.tiles, .charts { display: grid; gap: 1rem; margin-top: 1rem; }
.tiles { grid-template-columns: repeat(auto-fit, minmax(120px, 1fr)); }
.tiles section { margin: 0; padding: .7rem .9rem; }
.tiles b { display: block; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.charts { grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { text-align: right; padding: .3rem .7rem; border-top: 1px solid var(--line);
  white-space: nowrap; }
section > table { font-size: .85rem; }
section > table :is(th, td) { padding: .3rem .45rem; }
.charts section { margin: 0; }
.charts section > table { font-size: 1rem; }
tr:first-child > * { border-top: 0; }
th { color: var(--faint); font-weight: 500; }
th:first-child, td:first-child { text-align: left; }
tr.best td { font-weight: 700; }
.settings td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.settings td:first-child { color: var(--faint); width: 14rem; }
)";

std::string TimeText(const LatencyHistogram& times, LatencyHistogram::Duration time) {
  return times.count() == 0 ? "-" : absl::StrFormat("%.3f", Milliseconds(time));
}

// As many digits as a tile has room for.
std::string ShortTimeText(const LatencyHistogram& times, LatencyHistogram::Duration time) {
  const double ms = Milliseconds(time);
  return times.count() == 0 ? "-" : absl::StrFormat("%.*f", ms < 100 ? 3 : 1, ms);
}

std::string Tile(const std::string& name, const std::string& figure) {
  return absl::StrCat("<section><span class=\"faint\">", HtmlText(name), "</span><b>",
                      HtmlText(figure), "</b></section>\n");
}

// The figures that are looked for first: of the only step, or of the best.
std::string Tiles(const LoadStep& step) {
  const LatencyHistogram& times = step.latency;
  std::string html = "<div class=\"tiles\">\n";
  html += Tile("calls/s", absl::StrFormat("%.1f", CallsPerSecond(step)));
  html += Tile("rows/s", absl::StrFormat("%.1f", RowsPerSecond(step)));
  html += Tile("GB/s", absl::StrFormat("%.3f", LogitBytesPerSecond(step) / 1e9));
  html += Tile("p50, ms", ShortTimeText(times, times.Percentile(0.5)));
  html += Tile("p99, ms", ShortTimeText(times, times.Percentile(0.99)));
  html += Tile("p99.9, ms", ShortTimeText(times, times.Percentile(0.999)));
  html += Tile("max, ms", ShortTimeText(times, times.Max()));
  html += Tile("errors", absl::StrCat(ErrorCount(step)));
  return html + "</div>\n";
}

std::string Row(const char* cell, const Line& line, bool is_best) {
  std::string html = is_best ? "<tr class=\"best\">" : "<tr>";
  for (const std::string& text : line) {
    absl::StrAppend(&html, "<", cell, ">", HtmlText(text), "</", cell, ">");
  }
  return html + "</tr>\n";
}

Line StepCells(const LoadStep& step, bool is_best) {
  Line line = {absl::StrCat(StepName(step), is_best ? " (best)" : ""),
               absl::StrFormat("%.1f", CallsPerSecond(step)),
               absl::StrFormat("%.1f", RowsPerSecond(step)),
               absl::StrFormat("%.3f", LogitBytesPerSecond(step) / 1e9)};
  for (const NamedPercentile& percentile : kPercentiles) {
    line.push_back(TimeText(step.latency, step.latency.Percentile(percentile.p)));
  }
  line.push_back(TimeText(step.latency, step.latency.Max()));
  line.push_back(TimeText(step.send_latency, step.send_latency.Percentile(0.99)));
  line.push_back(step.server ? absl::StrFormat("%.3f", step.server->queued_us / 1e3) : "-");
  line.push_back(step.server ? absl::StrFormat("%.3f", step.server->computed_us / 1e3) : "-");
  line.push_back(absl::StrCat(ErrorCount(step)));
  return line;
}

// The steps of a sweep.
std::string Summary(const LoadResult& result) {
  Line head = {"step", "calls/s", "rows/s", "GB/s"};
  for (const NamedPercentile& percentile : kPercentiles) head.push_back(percentile.name);
  for (const char* name : {"max", "send p99", "queued", "computed", "errors"}) {
    head.push_back(name);
  }
  std::string html = "<section><h2>Figures</h2>\n<table>\n" + Row("th", head, false);
  for (size_t i = 0; i < result.steps.size(); ++i) {
    html += Row("td", StepCells(result.steps[i], result.best == i), result.best == i);
  }
  return html +
         "</table>\n<p class=\"faint\">Times are in ms, from when a call was to start by the "
         "schedule. Queued and computed are the server's means. GB are 10^9 bytes of "
         "logits.</p></section>\n";
}

std::string Paragraph(const char* name, const std::string& text) {
  return absl::StrCat("<p class=\"", name, "\">", HtmlText(text), "</p>\n");
}

// What went wrong in a step, or was checked.
std::string Remarks(const LoadStep& step, const std::string& subject) {
  std::string html;
  if (!step.errors.empty()) {
    html += Paragraph("bad", absl::StrCat(subject, "errors: ", ErrorList(step),
                                          "; the first: ", step.first_error));
  }
  if (step.wrong_count > 0) {
    html += Paragraph("bad", absl::StrCat(subject, step.wrong_count, " of ", step.verified_count,
                                          " verified answers were not the same"));
  } else if (step.verified_count > 0) {
    html += Paragraph(
        "faint", absl::StrCat(subject, "verified ", step.verified_count, " answers, all the same"));
  }
  for (const std::string& warning : step.warnings) {
    html += Paragraph("bad", absl::StrCat(subject, "warning: ", warning));
  }
  return html;
}

std::string AllRemarks(const LoadResult& result) {
  std::string html;
  if (!result.aborted.empty()) html += Paragraph("bad", "The test ended early: " + result.aborted);
  for (const LoadStep& step : result.steps) {
    html += Remarks(step, result.steps.size() > 1 ? StepName(step) + ": " : "");
  }
  return html.empty() ? "" : "<section><h2>Remarks</h2>\n" + html + "</section>\n";
}

// The latencies of the only step. The tiles have its rates.
std::string LatencyCard(const LoadStep& step) {
  std::string html = "<section><h2>Latency, ms</h2>\n<table>\n";
  html += Row("th", {"", "from schedule", "from send"}, false);
  const auto add = [&](const char* name, const auto& time) {
    html += Row("td",
                {name, TimeText(step.latency, time(step.latency)),
                 TimeText(step.send_latency, time(step.send_latency))},
                false);
  };
  add("mean", [](const LatencyHistogram& times) { return times.Mean(); });
  for (const NamedPercentile& percentile : kPercentiles) {
    add(percentile.name,
        [&](const LatencyHistogram& times) { return times.Percentile(percentile.p); });
  }
  add("max", [](const LatencyHistogram& times) { return times.Max(); });
  html += "</table>\n";
  if (step.server) {
    html += Paragraph(
        "faint", absl::StrFormat("of it in the server, on average: queued %.3f, "
                                 "computed %.3f",
                                 step.server->queued_us / 1e3, step.server->computed_us / 1e3));
  }
  return html + "</section>\n";
}

std::string Charts(const LoadResult& result) {
  std::vector<Chart> charts;
  if (result.steps.size() > 1) charts.push_back(ThroughputChart(result));
  charts.push_back(DistributionChart(result));
  charts.push_back(LatencyOverTimeChart(result));
  charts.push_back(RateOverTimeChart(result));
  std::string html;
  for (const Chart& chart : charts) {
    if (!chart.series.empty()) html += SvgChart(chart);
  }
  if (result.steps.size() == 1) html += LatencyCard(result.steps[0]);
  return html.empty() ? "" : "<div class=\"charts\">\n" + html + "</div>\n";
}

std::string Settings(const LoadResult& result) {
  std::string rows;
  for (const auto& [name, value] : result.settings) {
    if (!value.empty()) rows += Row("td", {name, value}, false);
  }
  if (rows.empty()) return "";
  return "<section class=\"settings\"><h2>Settings</h2>\n<table>\n" + rows + "</table></section>\n";
}

std::string Header(const LoadResult& result) {
  std::string html = "<h1>Load test of " + HtmlText(result.target) + "</h1>\n";
  html += Paragraph("faint", absl::StrCat("server ", result.server_version, ", instruction set ",
                                          result.instruction_set));
  if (!result.objective.empty()) {
    html += Paragraph("faint",
                      "objective " + result.objective + (result.best ? "" : ", which no step met"));
  }
  return html;
}

}  // namespace

std::string LoadHtml(const LoadResult& result) {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>" +
      HtmlText("Load test of " + result.target) + "</title>\n<style>\n" + kStyle + SvgChartStyle() +
      "</style>\n</head>\n<body>\n";
  html += Header(result);
  if (result.steps.size() == 1) html += Tiles(result.steps[0]);
  if (result.best && *result.best < result.steps.size()) html += Tiles(result.steps[*result.best]);
  html += AllRemarks(result) + Charts(result);
  if (result.steps.size() > 1) html += Summary(result);
  return html + Settings(result) + "</body>\n</html>\n";
}

}  // namespace boltzmann::client
