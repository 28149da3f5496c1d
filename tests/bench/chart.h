// Small charts side by side, as one SVG that is readable on light and dark pages.
#ifndef BOLTZMANN_TESTS_BENCH_CHART_H_
#define BOLTZMANN_TESTS_BENCH_CHART_H_

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace boltzmann::bench {

// How values are spread along an axis.
enum class Scale {
  kLog,    // each factor takes the same room; values are > 0
  kLogit,  // log(p / (1 - p)), which shows both ends of (0, 1)
};

struct Axis {
  std::string label;
  Scale scale = Scale::kLog;
  std::vector<std::pair<double, std::string>> ticks;  // the first and the last are its ends
};

struct Series {
  std::string name;
  int color = 0;  // [0, 4); -1 is the dashed grey of what others are compared with
  std::vector<std::pair<double, double>> points;
};

struct Chart {
  std::string title;
  Axis x, y;
  std::vector<Series> series;
};

// The axis over all of these values whose ticks are 1, 2 and 5 times powers of ten, or, over more
// than three decades, powers of ten.
Axis LogAxis(std::string label, double least, double greatest);

// All charts, two in a line.
std::string DrawSvg(std::span<const Chart> charts, const std::string& description);

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_CHART_H_
