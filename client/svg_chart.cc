#include "client/svg_chart.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/html_text.h"

namespace boltzmann::client {
namespace {

// In units of the drawing, which is as wide as the page makes it.
constexpr double kWidth = 560;
constexpr double kHeight = 320;
constexpr double kLeft = 62;
constexpr double kRight = 540;
constexpr double kTop = 14;
constexpr double kBottom = 268;

std::string TickLabel(double value) { return absl::StrFormat("%.6g", value); }

// 1, 2 or 5 times a power of ten, so that about five steps make `span`.
double RoundStep(double span) {
  const double power = std::pow(10, std::floor(std::log10(span / 5)));
  for (const double factor : {1, 2, 5}) {
    if (factor * power * 6 >= span) return factor * power;
  }
  return 10 * power;
}

// In [0, 1].
double Fraction(const ChartAxis& axis, double value) {
  const double share =
      axis.is_log ? std::log(std::max(value, axis.min) / axis.min) / std::log(axis.max / axis.min)
                  : (value - axis.min) / (axis.max - axis.min);
  return std::clamp(share, 0.0, 1.0);
}

class Drawing {
 public:
  explicit Drawing(const Chart& chart) : chart_(chart) {}

  std::string Draw() {
    absl::StrAppendFormat(&svg_, "<svg viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"%s\">\n",
                          kWidth, kHeight, HtmlText(chart_.title));
    DrawAxes();
    for (const double x : chart_.dividers) Line("divider", X(x), kTop, X(x), kBottom);
    for (const ChartSeries& series : chart_.series) DrawLine(series);
    for (const ChartSeries& series : chart_.series) DrawPoints(series);
    return svg_ + "</svg>\n";
  }

 private:
  double X(double x) const { return kLeft + Fraction(chart_.x, x) * (kRight - kLeft); }
  double Y(double y) const { return kBottom - Fraction(chart_.y, y) * (kBottom - kTop); }

  void Line(const char* name, double x1, double y1, double x2, double y2) {
    absl::StrAppendFormat(&svg_,
                          "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
                          name, x1, y1, x2, y2);
  }

  void Text(const char* anchor, double x, double y, const std::string& text) {
    absl::StrAppendFormat(&svg_, "<text text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
                          anchor, x, y, HtmlText(text));
  }

  void DrawAxes() {
    for (const ChartTick& tick : chart_.y.ticks) {
      Line("grid", kLeft, Y(tick.at), kRight, Y(tick.at));
      Text("end", kLeft - 8, Y(tick.at) + 4, tick.label);
    }
    for (const ChartTick& tick : chart_.x.ticks) {
      Line("grid", X(tick.at), kBottom, X(tick.at), kBottom + 5);
      Text("middle", X(tick.at), kBottom + 20, tick.label);
    }
    Line("axis", kLeft, kBottom, kRight, kBottom);
    Text("middle", (kLeft + kRight) / 2, kBottom + 42, chart_.x.title);
    absl::StrAppendFormat(
        &svg_,
        "<text text-anchor=\"middle\" transform=\"translate(14 %g) rotate(-90)\">%s</text>\n",
        (kTop + kBottom) / 2, HtmlText(chart_.y.title));
  }

  void DrawLine(const ChartSeries& series) {
    absl::StrAppendFormat(&svg_, "<polyline style=\"stroke:%s\" points=\"", HtmlText(series.color));
    for (const ChartPoint& point : series.points) {
      absl::StrAppendFormat(&svg_, "%.1f,%.1f ", X(point.x), Y(point.y));
    }
    svg_ += "\"/>\n";
  }

  // A dot where there is a mark, or where a line would have no length; else one that is seen under
  // the pointer only.
  void DrawPoints(const ChartSeries& series) {
    for (const ChartPoint& point : series.points) {
      const bool is_dot = !point.mark.empty() || series.points.size() == 1;
      if (!is_dot && point.tip.empty()) continue;
      absl::StrAppendFormat(
          &svg_, "<circle class=\"%s\" style=\"fill:%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\">",
          is_dot ? "dot" : "hidden", HtmlText(series.color), X(point.x), Y(point.y));
      absl::StrAppend(&svg_, "<title>", HtmlText(point.tip), "</title></circle>\n");
      if (!point.mark.empty()) Text("middle", X(point.x), Y(point.y) - 9, point.mark);
    }
  }

  const Chart& chart_;
  std::string svg_;
};

}  // namespace

ChartAxis LinearAxis(std::string title, double min, double max) {
  if (!(max > min)) max = min + 1;
  const double step = RoundStep(max - min);
  ChartAxis axis = {std::move(title), false, min, max};
  const double last = std::ceil(max / step - 1e-9);
  for (double i = std::ceil(min / step - 1e-9); i <= last; ++i) {
    const double at = i * step + 0.0;  // the first of them may be -0
    axis.ticks.push_back({at, TickLabel(at)});
  }
  axis.max = last * step;
  return axis;
}

ChartAxis LogAxis(std::string title, double min, double max) {
  const double first = std::floor(std::log10(min) + 1e-9);
  const double last = std::ceil(std::log10(max) - 1e-9);
  ChartAxis axis = {std::move(title), true, 0, 0};
  for (double decade = first; axis.max == 0; ++decade) {
    for (const double factor : {1, 2, 5}) {
      const double at = factor * std::pow(10, decade);
      if (at <= min * (1 + 1e-9)) {
        axis.min = at;
        axis.ticks.clear();
      }
      // Decades only, where there are many.
      if (factor == 1 || last - first <= 3) axis.ticks.push_back({at, TickLabel(at)});
      if (at > axis.min && at >= max * (1 - 1e-9)) {
        axis.max = at;
        break;
      }
    }
  }
  return axis;
}

std::string SvgChart(const Chart& chart) {
  std::string html = "<figure>\n<figcaption>" + HtmlText(chart.title);
  if (chart.series.size() > 1) {
    html += "\n<span class=\"legend\">";
    for (const ChartSeries& series : chart.series) {
      absl::StrAppendFormat(&html, "<span><i style=\"background:%s\"></i>%s</span>\n",
                            HtmlText(series.color), HtmlText(series.name));
    }
    html += "</span>";
  }
  return html + "</figcaption>\n" + Drawing(chart).Draw() + "</figure>\n";
}

const char* SvgChartStyle() {
  return R"(figure { margin: 0; }
figcaption { font-weight: 600; margin-bottom: .5rem; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem .9rem; font-weight: 400; font-size: .85rem;
  color: var(--faint); margin-top: .2rem; }
.legend i { display: inline-block; width: .9em; height: .25em; border-radius: .1em;
  margin-right: .4em; vertical-align: middle; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--faint); font-size: 12px; font-variant-numeric: tabular-nums; }
svg .grid { stroke: var(--line); }
svg .axis { stroke: var(--faint); }
svg .divider { stroke: var(--faint); stroke-dasharray: 2 4; }
svg polyline { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
svg .hidden { opacity: 0; }
svg .hidden:hover { opacity: 1; }
)";
}

}  // namespace boltzmann::client
