#include "client/load_charts.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/load_distribution.h"
#include "client/load_figures.h"

namespace boltzmann::client {
namespace {

constexpr char kBlue[] = "var(--blue)";
constexpr char kOrange[] = "var(--orange)";
constexpr char kGrey[] = "var(--grey)";

// From blue by purple to orange: the steps of a sweep have an order.
std::string StepColor(size_t i, size_t count) {
  if (count == 1) return kBlue;
  const double hue = 205 + 185 * static_cast<double>(i) / static_cast<double>(count - 1);
  return absl::StrFormat("hsl(%.0f 65%% 52%%)", std::fmod(hue, 360));
}

// Logarithmic if the latencies differ much, so that the small ones can be seen too.
ChartAxis LatencyAxis(const std::vector<ChartSeries>& all_series) {
  double least = HUGE_VAL;
  double most = 0;
  for (const ChartSeries& series : all_series) {
    for (const ChartPoint& point : series.points) {
      if (point.y > 0) least = std::min(least, point.y);
      most = std::max(most, point.y);
    }
  }
  if (most > 10 * least) return LogAxis("latency, ms (log)", least, most);
  return LinearAxis("latency, ms", 0, most);
}

// "99.9%" at 1000.
ChartAxis PercentileAxis(double most) {
  ChartAxis axis = {"percentile", true, 1, std::max(most, 100.0), {{1, "0%"}, {2, "50%"}}};
  int digits = 0;
  for (double at = 10; at <= axis.max; at *= 10, ++digits) {
    axis.ticks.push_back({at, absl::StrFormat("%.*f%%", std::max(0, digits - 1), 100 - 100 / at)});
  }
  return axis;
}

ChartSeries DistributionSeries(const LoadStep& step) {
  ChartSeries series = {StepName(step), "", {}};
  for (const DistributionPoint& point : Distribution(step.latency)) {
    if (point.percentile == 1) continue;  // endlessly far to the right
    const double ms = Milliseconds(point.value);
    series.points.push_back(
        {1 / (1 - point.percentile), ms,
         absl::StrFormat("%s: %.6g%% within %.3f ms", series.name, 100 * point.percentile, ms)});
  }
  return series;
}

// Calls `visit` for every interval with calls or errors, with the seconds at its end since the
// first step began.
using VisitInterval = std::function<void(const LoadInterval& interval, double end)>;
void VisitIntervals(const LoadResult& result, const VisitInterval& visit) {
  double begin = 0;
  for (const LoadStep& step : result.steps) {
    for (const LoadInterval& interval : step.intervals) {
      visit(interval, begin + interval.begin_seconds + interval.seconds);
    }
    begin += step.seconds;
  }
}

ChartAxis TimeAxis(const LoadResult& result) {
  double seconds = 0;
  for (const LoadStep& step : result.steps) seconds += step.seconds;
  ChartAxis axis = LinearAxis("seconds", 0, seconds);
  if (seconds <= 0) return axis;
  axis.max = seconds;
  if (axis.ticks.back().at > seconds) axis.ticks.pop_back();
  return axis;
}

// Where a step ends and another begins.
std::vector<double> StepEnds(const LoadResult& result) {
  std::vector<double> ends;
  double end = 0;
  for (size_t i = 0; i + 1 < result.steps.size(); ++i) {
    end += result.steps[i].seconds;
    ends.push_back(end);
  }
  return ends;
}

double Largest(const std::vector<ChartSeries>& all_series) {
  double largest = 0;
  for (const ChartSeries& series : all_series) {
    for (const ChartPoint& point : series.points) largest = std::max(largest, point.y);
  }
  return largest;
}

void AddTime(const char* what, double seconds, LatencyHistogram::Duration time,
             ChartSeries& series) {
  const double ms = Milliseconds(time);
  series.points.push_back(
      {seconds, ms, absl::StrFormat("%s at %.1f s: %.3f ms", what, seconds, ms)});
}

}  // namespace

Chart DistributionChart(const LoadResult& result) {
  Chart chart = {"Latency by percentile", {}, {}, {}};
  double most = 0;
  for (size_t i = 0; i < result.steps.size(); ++i) {
    ChartSeries series = DistributionSeries(result.steps[i]);
    if (series.points.empty()) continue;
    series.color = StepColor(i, result.steps.size());
    most = std::max(most, series.points.back().x);
    chart.series.push_back(std::move(series));
  }
  chart.x = PercentileAxis(most);
  chart.y = LatencyAxis(chart.series);
  return chart;
}

Chart LatencyOverTimeChart(const LoadResult& result) {
  Chart chart = {"Latency over time", TimeAxis(result), {}, {}, StepEnds(result)};
  ChartSeries longest = {"max", kGrey, {}};
  ChartSeries p99 = {"p99", kOrange, {}};
  ChartSeries p50 = {"p50", kBlue, {}};
  VisitIntervals(result, [&](const LoadInterval& interval, double end) {
    const LatencyHistogram& times = interval.latency;
    if (times.count() == 0) return;
    AddTime("max", end, times.Max(), longest);
    AddTime("p99", end, times.Percentile(0.99), p99);
    AddTime("p50", end, times.Percentile(0.5), p50);
  });
  if (!p50.points.empty()) chart.series = {longest, p99, p50};
  chart.y = LatencyAxis(chart.series);
  return chart;
}

Chart RateOverTimeChart(const LoadResult& result) {
  Chart chart = {"Calls a second over time", TimeAxis(result), {}, {}, StepEnds(result)};
  ChartSeries answered = {"answered", kBlue, {}};
  ChartSeries failed = {"failed", kOrange, {}};
  VisitIntervals(result, [&](const LoadInterval& interval, double end) {
    if (interval.seconds <= 0) return;
    const auto add = [&](uint64_t count, ChartSeries& series) {
      const double rate = static_cast<double>(count) / interval.seconds;
      series.points.push_back(
          {end, rate, absl::StrFormat("%s at %.1f s: %.1f/s", series.name, end, rate)});
    };
    add(interval.latency.count(), answered);
    add(interval.error_count, failed);
  });
  if (!answered.points.empty()) chart.series.push_back(answered);
  if (Largest({failed}) > 0) chart.series.push_back(failed);
  chart.y = LinearAxis("calls/s", 0, Largest(chart.series));
  return chart;
}

Chart ThroughputChart(const LoadResult& result) {
  Chart chart = {"Latency against throughput", {}, {}, {}};
  ChartSeries p99 = {"p99", kOrange, {}};
  ChartSeries p50 = {"p50", kBlue, {}};
  double most = 0;
  for (const LoadStep& step : result.steps) {
    if (step.latency.count() == 0) continue;
    const double rate = CallsPerSecond(step);
    most = std::max(most, rate);
    const auto add = [&](double p, ChartSeries& series, const std::string& mark) {
      const double ms = Milliseconds(step.latency.Percentile(p));
      series.points.push_back(
          {rate, ms,
           absl::StrFormat("%s: %s %.3f ms at %.1f calls/s", StepName(step), series.name, ms, rate),
           mark});
    };
    add(0.99, p99, step.rate ? absl::StrCat(*step.rate) : absl::StrCat(step.concurrency));
    add(0.5, p50, "");
  }
  if (!p99.points.empty()) chart.series = {p99, p50};
  chart.x = LinearAxis("calls/s", 0, most);
  chart.y = LatencyAxis(chart.series);
  return chart;
}

}  // namespace boltzmann::client
