// Cost against the size of the vocabulary, k, p, sigma and min-p: is there a cliff anywhere?
// Prints tables, and draws them. README.md says what each chart is.
//
//   boltzmann_sweep [--quick] [--svg=FILE]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "benchmark/benchmark.h"
#include "core/engine.h"
#include "tests/bench/chart.h"
#include "tests/bench/check.h"
#include "tests/bench/floor.h"
#include "tests/bench/machine.h"
#include "tests/bench/measurements.h"
#include "tests/bench/presets.h"
#include "tests/bench/rows.h"
#include "tests/bench/text_table.h"

namespace boltzmann::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRowCount = 64;
constexpr int kBatchRows = 16;
constexpr auto kFp32 = core::DataType::kFloat32;

constexpr double kVocabSizes[] = {1000,  2000,  4000,  8000,   16000,  32000,
                                  50257, 64000, 96000, 128256, 151936, 262144};
constexpr double kTopKs[] = {1,    2,    5,    10,    20,    50,    100,    200,   500,
                             1000, 2000, 5000, 10000, 20000, 50000, 100000, 128256};
constexpr double kTopPs[] = {.01, .02, .05, .1, .2, .3, .5, .7, .8, .9, .95, .98, .99, .995, .999};
constexpr double kSigmas[] = {.1, .15, .2, .3, .5, .7, 1, 1.4, 2, 2.5, 3, 4, 5};
constexpr double kMinPs[] = {1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, .01, .03, .1, .3, 1};

struct Options {
  int repetitions = 5;
  double min_seconds = .02;  // of one repetition of one point
  std::string svg;
};

// One figure to measure: a sampler on some rows, or the floor.
struct Point {
  double x;
  const Rows* rows;
  std::optional<Preset> preset;  // none is the floor
  int workers = 1;
  bool lone = false;  // batches of one row, always the same
  std::vector<double> us = {};

  double median() const { return Summarize(us).us; }
};

struct Line {
  std::string name;
  int color;
  std::vector<Point> points;
};

// The last line of each is the floor.
struct Sweep {
  std::string title;
  Axis x;
  std::vector<Line> lines;
};

core::Engine& EngineWith(int workers) {
  static std::map<int, std::unique_ptr<core::Engine>> engines;
  std::unique_ptr<core::Engine>& engine = engines[workers];
  if (!engine)
    engine = std::make_unique<core::Engine>(core::EngineOptions{.worker_count = workers});
  return *engine;
}

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Reads all rows, or the first one, until the time is up; returns microseconds a row.
double TimeFloor(const Point& point, double min_seconds) {
  const Rows& rows = *point.rows;
  int64_t count = 0;
  const auto start = Clock::now();
  do {
    for (int row = 0; row < rows.size(); ++row, ++count) {
      benchmark::DoNotOptimize(
          ReadOnce(rows.data(point.lone ? 0 : row), rows.type(), rows.vocab_size()));
    }
  } while (SecondsSince(start) < min_seconds);
  return SecondsSince(start) / static_cast<double>(count) * 1e6;
}

// Batches that together take the rows in turn.
std::vector<std::unique_ptr<core::Batch>> MakeBatches(const Point& point) {
  std::vector<std::unique_ptr<core::Batch>> batches;
  for (int row = 0; row < (point.lone ? 1 : point.rows->size()); ++row) {
    if (row % kBatchRows == 0) batches.push_back(std::make_unique<core::Batch>());
    batches.back()->rows.push_back(
        {point.rows->row(row), &point.preset->params, &point.preset->outputs, StateOf(row)});
  }
  return batches;
}

// Ends the program if anything is wrong.
void Require(const std::string& wrong, const Point& point) {
  if (wrong.empty()) return;
  std::cerr << "at " << point.x << ", V = " << point.rows->vocab_size() << ": " << wrong << "\n";
  std::exit(1);
}

// Likewise, sampling.
double TimeEngine(const Point& point, double min_seconds) {
  core::Engine& engine = EngineWith(point.workers);
  const auto batches = MakeBatches(point);
  absl::Status status;
  size_t count = 0, next = 0;
  const auto start = Clock::now();
  do {
    status.Update(engine.Sample(*batches[next]));
    count += batches[next]->rows.size();
    next = (next + 1) % batches.size();
  } while (SecondsSince(start) < min_seconds);
  const double seconds = SecondsSince(start);
  Require(status.ok() ? "" : status.ToString(), point);
  return seconds / static_cast<double>(count) * 1e6;
}

// Measures all points, again and again in another order, so that what disturbs the machine
// for a while disturbs each of them once at most.
void Measure(const Options& options, std::vector<Sweep>& sweeps) {
  std::vector<Point*> points;
  for (Sweep& sweep : sweeps) {
    for (Line& line : sweep.lines) {
      for (Point& point : line.points) points.push_back(&point);
    }
  }
  for (const Point* point : points) {
    if (!point->preset) continue;
    Require(CheckEngine(EngineWith(point->workers), *point->rows, *point->preset), *point);
  }
  std::mt19937 random(1);
  for (int i = 0; i < options.repetitions; ++i) {
    std::shuffle(points.begin(), points.end(), random);
    for (Point* point : points) {
      point->us.push_back(point->preset ? TimeEngine(*point, options.min_seconds)
                                        : TimeFloor(*point, options.min_seconds));
    }
  }
}

Preset Sampler(double temperature, double min_p, int32_t top_k, double top_p) {
  return {"",
          Shape::kPeaked,
          {.temperature = temperature, .min_p = min_p, .top_k = top_k, .top_p = top_p},
          {}};
}

const Rows& Peaked(int32_t vocab_size = kVocabSize) {
  return SharedRows(Shape::kPeaked, kFp32, vocab_size, kRowCount);
}

const Rows& Flat(int32_t vocab_size = kVocabSize) {
  return SharedRows(Shape::kFlat, kFp32, vocab_size, kRowCount);
}

const Rows& Normal(double sigma) {
  static std::map<double, std::unique_ptr<Rows>> made;
  std::unique_ptr<Rows>& rows = made[sigma];
  if (!rows) {
    rows = std::make_unique<Rows>(MakeLogits(Shape::kFlat, kVocabSize, kRowCount, sigma), kFp32,
                                  kVocabSize);
  }
  return *rows;
}

// A line of points, each made of its x.
template <typename MakePoint>
Line MakeLine(std::string name, int color, std::span<const double> xs, MakePoint make_point) {
  Line line = {std::move(name), color, {}};
  for (double x : xs) line.points.push_back(make_point(x));
  return line;
}

// The floor of rows that are all of one size: the same wherever it stands.
Line FlatFloor(std::span<const double> xs) {
  const double ends[] = {xs.front(), xs.back()};
  return MakeLine("read once", -1, ends, [](double x) { return Point{x, &Peaked(), {}}; });
}

Axis VocabAxis() {
  return {"V, logits a row",
          Scale::kLog,
          {{1000, "1k"}, {4000, "4k"}, {16000, "16k"}, {64000, "64k"}, {262144, "262k"}}};
}

Sweep OverVocabSize() {
  const auto line = [](const char* name, int color, auto rows, const Preset& preset) {
    return MakeLine(name, color, kVocabSizes, [&](double v) {
      return Point{v, &rows(static_cast<int32_t>(v)), preset};
    });
  };
  return {"Vocabulary",
          VocabAxis(),
          {line("flat, top-p .9", 1, Flat, Sampler(1, 0, 0, .9)),
           line("top-p .9", 0, Peaked, Sampler(.7, 0, 0, .9)),
           line("T = 1", 2, Peaked, Sampler(1, 0, 0, 1)),
           MakeLine("read once", -1, kVocabSizes, [](double v) {
             return Point{v, &Peaked(static_cast<int32_t>(v)), {}};
           })}};
}

// One sampler, that x is a parameter of, on peaked rows at T = .7 and on flat ones at T = 1.
template <typename MakeSampler>
Sweep OverParameter(std::string title, Axis axis, std::span<const double> xs,
                    MakeSampler make_sampler) {
  const auto line = [&](const char* name, int color, const Rows& rows, double temperature) {
    return MakeLine(name, color, xs, [&](double x) {
      return Point{x, &rows, make_sampler(temperature, x)};
    });
  };
  return {std::move(title),
          std::move(axis),
          {line("flat rows", 1, Flat(), 1), line("peaked rows", 0, Peaked(), .7), FlatFloor(xs)}};
}

Sweep OverSigma() {
  const auto line = [](const char* name, int color, const Preset& preset) {
    return MakeLine(name, color, kSigmas, [&](double sigma) {
      return Point{sigma, &Normal(sigma), preset};
    });
  };
  return {"Rows of N(0, sigma) at T = 1",
          LogAxis("sigma", .1, 5),
          {line("top-p .9", 1, Sampler(1, 0, 0, .9)), line("min-p .05", 3, Sampler(1, .05, 0, 1)),
           line("top-k 50", 2, Sampler(1, 0, 50, 1)), FlatFloor(kSigmas)}};
}

// How long a caller waits who sends one row at a time.
Sweep OverLoneRows() {
  const auto line = [](std::string name, int color, int workers) {
    return MakeLine(std::move(name), color, kVocabSizes, [&](double v) {
      return Point{v, &Peaked(static_cast<int32_t>(v)), Sampler(.7, 0, 0, .9), workers, true};
    });
  };
  Sweep sweep = {"One row a batch, in cache, top-p .9", VocabAxis(), {line("1 worker", 0, 1)}};
  const int processors = ProcessorCount();
  if (processors > 1) {
    sweep.lines.push_back(line(std::to_string(processors) + " workers", 3, processors));
  }
  sweep.lines.push_back(MakeLine("read once", -1, kVocabSizes, [](double v) {
    return Point{v, &Peaked(static_cast<int32_t>(v)), {}, 1, true};
  }));
  return sweep;
}

std::vector<Sweep> MakeSweeps() {
  const Axis ranks = {
      "k",
      Scale::kLog,
      {{1, "1"}, {10, "10"}, {100, "100"}, {1000, "1k"}, {10000, "10k"}, {kVocabSize, "V"}}};
  const Axis shares = {
      "p",
      Scale::kLogit,
      {{.01, ".01"}, {.1, ".1"}, {.5, ".5"}, {.9, ".9"}, {.99, ".99"}, {.999, ".999"}}};
  const Axis tiny = {"min-p",
                     Scale::kLog,
                     {{1e-6, "1e-6"},
                      {1e-5, "1e-5"},
                      {1e-4, "1e-4"},
                      {1e-3, ".001"},
                      {.01, ".01"},
                      {.1, ".1"},
                      {1, "1"}}};
  return {OverVocabSize(),
          OverSigma(),
          OverParameter("Top-k; flat rows at T = 1, peaked at .7", ranks, kTopKs,
                        [](double temperature, double k) {
                          return Sampler(temperature, 0, static_cast<int32_t>(k), 1);
                        }),
          OverParameter("Top-p; flat rows at T = 1, peaked at .7", shares, kTopPs,
                        [](double temperature, double p) { return Sampler(temperature, 0, 0, p); }),
          OverParameter(
              "Min-p; flat rows at T = 1, peaked at .7", tiny, kMinPs,
              [](double temperature, double min_p) { return Sampler(temperature, min_p, 0, 1); }),
          OverLoneRows()};
}

// The floor beside the point at this index of its line.
double FloorAt(const Sweep& sweep, size_t index) {
  const std::vector<Point>& floor = sweep.lines.back().points;
  if (floor.size() > 2) return floor[index].median();
  return (floor[0].median() + floor[1].median()) / 2;
}

std::string Number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.7g", x);
  return text;
}

// The greatest ratio between neighbours: where a cliff would be.
std::string SteepestStep(const Line& line) {
  double steepest = 1, from = 0, to = 0;
  for (size_t i = 1; i < line.points.size(); ++i) {
    const double a = line.points[i - 1].median(), b = line.points[i].median();
    if (std::max(a / b, b / a) <= steepest) continue;
    steepest = std::max(a / b, b / a);
    from = line.points[i - 1].x;
    to = line.points[i].x;
  }
  return line.name + " " + ThreeDigits(steepest) + "x (" + Number(from) + " to " + Number(to) + ")";
}

std::string Print(const Sweep& sweep) {
  std::vector<std::string> header = {sweep.x.label};
  for (size_t i = 0; i + 1 < sweep.lines.size(); ++i) {
    header.push_back(sweep.lines[i].name + ": us");
    header.push_back("x floor");
  }
  header.push_back("floor: us");
  TextTable table(header);
  for (size_t row = 0; row < sweep.lines[0].points.size(); ++row) {
    const double floor = FloorAt(sweep, row);
    std::vector<std::string> cells = {Number(sweep.lines[0].points[row].x)};
    for (size_t i = 0; i + 1 < sweep.lines.size(); ++i) {
      const double us = sweep.lines[i].points[row].median();
      cells.push_back(ThreeDigits(us));
      cells.push_back(ThreeDigits(us / floor));
    }
    cells.push_back(ThreeDigits(floor));
    table.Add(cells);
  }
  std::string text = "\n" + sweep.title + "\n\n" + table.Print() + "\nLargest step:";
  for (size_t i = 0; i + 1 < sweep.lines.size(); ++i) {
    text += (i == 0 ? " " : "; ") + SteepestStep(sweep.lines[i]);
  }
  return text + "\n";
}

Chart MakeChart(const Sweep& sweep) {
  Chart chart = {sweep.title, sweep.x, {}, {}};
  for (const Line& line : sweep.lines) {
    Series series = {line.name, line.color, {}};
    for (const Point& point : line.points) series.points.emplace_back(point.x, point.median());
    chart.series.push_back(std::move(series));
  }
  return chart;
}

// Charts with the same kind of x have the same y: those over V, and the others.
std::vector<Chart> MakeCharts(const std::vector<Sweep>& sweeps) {
  std::vector<Chart> charts;
  for (const Sweep& sweep : sweeps) charts.push_back(MakeChart(sweep));
  for (Chart& chart : charts) {
    double least = 1e9, greatest = 0;
    for (const Chart& like : charts) {
      if ((like.x.label == VocabAxis().label) != (chart.x.label == VocabAxis().label)) continue;
      for (const Series& series : like.series) {
        for (const auto& [x, y] : series.points) {
          least = std::min(least, y);
          greatest = std::max(greatest, y);
        }
      }
    }
    chart.y = LogAxis("µs a row", least, greatest);
  }
  return charts;
}

// Whether all arguments were understood.
bool Parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "--quick") {
      options.repetitions = 3;
      options.min_seconds = .002;
    } else if (arg.starts_with("--svg=")) {
      options.svg = arg.substr(6);
    } else {
      return false;
    }
  }
  return true;
}

int Run(int argc, char** argv) {
  Options options;
  if (!Parse(argc, argv, options)) {
    std::cerr << "usage: boltzmann_sweep [--quick] [--svg=FILE]\n";
    return 2;
  }
  std::cout << "\nCost against each parameter, with "
            << core::NameOf(EngineWith(1).instruction_set()) << ": us a row, medians of "
            << options.repetitions
            << "; fp32, V = 128256 unless it is swept, one worker, rows rotating through "
            << kRowCount << " unless said.\n"
            << std::flush;
  std::vector<Sweep> sweeps = MakeSweeps();
  Measure(options, sweeps);
  for (const Sweep& sweep : sweeps) std::cout << Print(sweep);
  if (options.svg.empty()) return 0;
  std::ofstream file(options.svg);
  file << DrawSvg(MakeCharts(sweeps), "What a row costs against V, sigma, k, p and min-p");
  if (!file.flush()) {
    std::cerr << "cannot write " << options.svg << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace boltzmann::bench

int main(int argc, char** argv) { return boltzmann::bench::Run(argc, argv); }
