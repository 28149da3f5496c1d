// Line charts in SVG, for pages that run no script.
#ifndef BOLTZMANN_CLIENT_SVG_CHART_H_
#define BOLTZMANN_CLIENT_SVG_CHART_H_

#include <string>
#include <vector>

namespace boltzmann::client {

struct ChartTick {
  double at;
  std::string label;
};

struct ChartAxis {
  std::string title;
  bool is_log = false;
  double min = 0;
  double max = 1;
  std::vector<ChartTick> ticks = {};  // in [min, max]
};

// From `min` to at least `max`, with ticks at round numbers. A log axis needs 0 < min.
ChartAxis LinearAxis(std::string title, double min, double max);
ChartAxis LogAxis(std::string title, double min, double max);

struct ChartPoint {
  double x;
  double y;
  std::string tip = {};   // shown under the pointer; no tip if empty
  std::string mark = {};  // written beside the point, which is a dot then
};

struct ChartSeries {
  std::string name;
  std::string color;  // of CSS
  std::vector<ChartPoint> points;
};

struct Chart {
  std::string title;
  ChartAxis x;
  ChartAxis y;
  std::vector<ChartSeries> series;
  std::vector<double> dividers = {};  // of x: where upright lines are drawn
};

// A figure with the title, a legend if there are several series, and the chart, as elements of HTML
// that SvgChartStyle() styles. Points beyond an axis are drawn at its end. All texts are
// escaped.
std::string SvgChart(const Chart& chart);

// The rules of CSS for it. They use the variables --ink, --faint and --line.
const char* SvgChartStyle();

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_SVG_CHART_H_
