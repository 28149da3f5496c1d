#include "tests/bench/chart.h"

#include <cmath>
#include <cstdio>

namespace boltzmann::bench {
namespace {

// In pixels.
constexpr int kColumns = 2;
constexpr double kChartWidth = 450, kChartHeight = 300;
constexpr double kLeft = 64, kRight = 18, kTop = 58, kBottom = 50;
constexpr double kPlotWidth = kChartWidth - kLeft - kRight;
constexpr double kPlotHeight = kChartHeight - kTop - kBottom;
constexpr double kGap = 10;

constexpr char kStyle[] = R"(<style>
text { font: 12.5px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #3d444d }
.title { font-size: 14.5px; font-weight: 600; fill: #1f2328 }
.page { fill: #ffffff } .grid { stroke: #e3e6ea; stroke-width: 1 }
.line { fill: none; stroke-width: 2; stroke-linejoin: round } .middle { text-anchor: middle }
.end { text-anchor: end }
.c0 { stroke: #2468d8 } .c1 { stroke: #c9560a } .c2 { stroke: #178a5f } .c3 { stroke: #8a45c4 }
.floor { stroke: #7a828c; stroke-dasharray: 6 4 } .dot { stroke: none }
.d0 { fill: #2468d8 } .d1 { fill: #c9560a } .d2 { fill: #178a5f } .d3 { fill: #8a45c4 }
@media (prefers-color-scheme: dark) {
text { fill: #c3cad3 } .title { fill: #f0f3f6 } .page { fill: #12161c } .grid { stroke: #2b323b }
.c0 { stroke: #6ea8fe } .c1 { stroke: #f59547 } .c2 { stroke: #4cc998 } .c3 { stroke: #c08bf0 }
.d0 { fill: #6ea8fe } .d1 { fill: #f59547 } .d2 { fill: #4cc998 } .d3 { fill: #c08bf0 }
}
</style>
)";

template <typename... Args>
void Append(std::string& text, const char* format, Args... args) {
  char buffer[512];
  std::snprintf(buffer, sizeof buffer, format, args...);
  text += buffer;
}

double Spread(Scale scale, double value) {
  return scale == Scale::kLog ? std::log(value) : std::log(value / (1 - value));
}

// Where a value lies on the axis: 0 at its first tick, 1 at its last.
double Share(const Axis& axis, double value) {
  const double first = Spread(axis.scale, axis.ticks.front().first);
  const double last = Spread(axis.scale, axis.ticks.back().first);
  return (Spread(axis.scale, value) - first) / (last - first);
}

double X(const Chart& chart, double value) { return kLeft + kPlotWidth * Share(chart.x, value); }

double Y(const Chart& chart, double value) {
  return kTop + kPlotHeight * (1 - Share(chart.y, value));
}

std::string LineClass(int color) {
  return color < 0 ? "line floor" : "line c" + std::to_string(color);
}

void DrawAxes(const Chart& chart, std::string& svg) {
  for (const auto& [value, label] : chart.x.ticks) {
    const double x = X(chart, value);
    Append(svg, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n", x, x,
           kTop, kTop + kPlotHeight);
    Append(svg, "<text class=\"middle\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x,
           kTop + kPlotHeight + 17, label.c_str());
  }
  for (const auto& [value, label] : chart.y.ticks) {
    const double y = Y(chart, value);
    Append(svg, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n", kLeft,
           kLeft + kPlotWidth, y, y);
    Append(svg, "<text class=\"end\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", kLeft - 7, y + 4,
           label.c_str());
  }
  Append(svg, "<text class=\"middle\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", kLeft + kPlotWidth / 2,
         kTop + kPlotHeight + 36, chart.x.label.c_str());
  const double middle = kTop + kPlotHeight / 2;
  Append(svg,
         "<text class=\"middle\" x=\"16\" y=\"%.1f\" transform=\"rotate(-90 16 %.1f)\">%s</text>\n",
         middle, middle, chart.y.label.c_str());
}

void DrawSeries(const Chart& chart, const Series& series, std::string& svg) {
  svg += "<polyline class=\"" + LineClass(series.color) + "\" points=\"";
  for (const auto& [x, y] : series.points) Append(svg, "%.1f,%.1f ", X(chart, x), Y(chart, y));
  svg += "\"/>\n";
  if (series.color < 0) return;
  for (const auto& [x, y] : series.points) {
    Append(svg, "<circle class=\"dot d%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\"/>\n", series.color,
           X(chart, x), Y(chart, y));
  }
}

// One line above the plot. Letters are taken to be as wide as they are on average.
void DrawLegend(const Chart& chart, std::string& svg) {
  constexpr double kSample = 20, kLetter = 6.9, kBetween = 14;
  double x = kLeft;
  for (const Series& series : chart.series) {
    Append(svg, "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"44\" y2=\"44\"/>\n",
           LineClass(series.color).c_str(), x, x + kSample);
    Append(svg, "<text x=\"%.1f\" y=\"48\">%s</text>\n", x + kSample + 5, series.name.c_str());
    x += kSample + 5 + kLetter * static_cast<double>(series.name.size()) + kBetween;
  }
}

void DrawChart(const Chart& chart, std::string& svg) {
  Append(svg, "<text class=\"title\" x=\"%.1f\" y=\"24\">%s</text>\n", kLeft, chart.title.c_str());
  DrawLegend(chart, svg);
  DrawAxes(chart, svg);
  for (const Series& series : chart.series) DrawSeries(chart, series, svg);
}

std::string Plain(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value >= 1000 ? "%gk" : "%g",
                value >= 1000 ? value / 1000 : value);
  return text;
}

}  // namespace

Axis LogAxis(std::string label, double least, double greatest) {
  Axis axis = {std::move(label), Scale::kLog, {}};
  const bool many = greatest / least > 1000;
  // Starts at the last tick that is no greater than all values.
  for (double decade = std::pow(10, std::floor(std::log10(least)));; decade *= 10) {
    for (double step : {1.0, 2.0, 5.0}) {
      if (many && step != 1) continue;
      if (!axis.ticks.empty() && decade * step <= least * 1.0001) axis.ticks.clear();
      axis.ticks.emplace_back(decade * step, Plain(decade * step));
      if (decade * step >= greatest * .9999) return axis;
    }
  }
}

std::string DrawSvg(std::span<const Chart> charts, const std::string& description) {
  const size_t lines = (charts.size() + kColumns - 1) / kColumns;
  const double width = kColumns * kChartWidth + (kColumns + 1) * kGap;
  const double height = static_cast<double>(lines) * (kChartHeight + kGap) + kGap;
  std::string svg;
  Append(svg,
         "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
         "height=\"%.0f\" role=\"img\">\n",
         width, height, width, height);
  svg += "<title>" + description + "</title>\n" + kStyle;
  svg += "<rect class=\"page\" width=\"100%\" height=\"100%\" rx=\"8\"/>\n";
  for (size_t i = 0; i < charts.size(); ++i) {
    Append(svg, "<g transform=\"translate(%.0f %.0f)\">\n",
           kGap + static_cast<double>(i % kColumns) * (kChartWidth + kGap),
           kGap + static_cast<double>(i / kColumns) * (kChartHeight + kGap));
    DrawChart(charts[i], svg);
    svg += "</g>\n";
  }
  return svg + "</svg>\n";
}

}  // namespace boltzmann::bench
