#include "tests/bench/transport/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/bench/text_table.h"

namespace boltzmann::bench {
namespace {

struct Way {
  const char* socket;
  const char* mode;
};

constexpr Way kWays[] = {
    {"tcp", "unary"},  {"tcp", "stream"},  {"tcp", "stream_x4"},
    {"unix", "unary"}, {"unix", "stream"}, {"unix", "stream_x4"},
};

constexpr const char* kDense[] = {"fp32", "bf16"};

constexpr size_t kMegabyte = 1 << 20;
constexpr double kOfSink = .9;
constexpr double kOfEngine = .9;
constexpr int kEngineFromRows = 16;
constexpr double kOfEmptyCall = 1.3;
constexpr double kSharedOverNumpy = 40;
constexpr double kInlineOverNumpy = 12;
constexpr int kNumpyRows = 64;
constexpr double kStall = 10000;  // us

Key Empty(const Way& way) { return {"empty", way.socket, way.mode, 0}; }
Key Engine(const std::string& type, int rows) { return {"engine_" + type, "", "", rows}; }

std::string Number(std::optional<double> value) { return value ? ThreeDigits(*value) : "-"; }

// A ratio, and whether it missed its target, if it has one.
std::string Judged(std::optional<double> ratio, bool missed) {
  return ratio && missed ? Number(ratio) + " (no)" : Number(ratio);
}

std::optional<double> Median(const Trial* trial) {
  if (trial == nullptr) return std::nullopt;
  return Percentile(trial->us, .5);
}

// The header of a table that ends with a column for each way.
std::vector<std::string> Header(std::vector<std::string> header) {
  for (const Way& way : kWays) header.push_back(absl::StrCat(way.socket, " ", way.mode));
  return header;
}

class Reporter {
 public:
  explicit Reporter(const TransportFigures& figures) : figures_(figures), trials_(figures.trials) {
    for (const Trial& trial : trials_.all()) {
      if (trial.key.row_count > 0) row_counts_.push_back(trial.key.row_count);
    }
    std::ranges::sort(row_counts_);
    row_counts_.erase(std::unique(row_counts_.begin(), row_counts_.end()), row_counts_.end());
  }

  std::string Print() const {
    return absl::StrCat(Inline(), Shared(), OneRow(), Numpy(), Tails(), Everything());
  }

 private:
  std::string Inline() const {
    TextTable table(
        Header({absl::StrFormat("inline: share of the raw sink's GB/s; >= %.2g from 1 MB", kOfSink),
                "sink: GB/s", "one after the other"}));
    for (const std::string type : kDense) {
      for (const int rows : row_counts_) {
        std::vector<std::string> cells = {
            absl::StrCat(type, ", ", rows, rows > 1 ? " rows" : " row"),
            Number(BestSink(type, rows)), Number(OneAfterTheOther(type, rows))};
        for (const Way& way : kWays) {
          const auto share = trials_.Speed({type, way.socket, way.mode, rows},
                                           {"sink_" + type, way.socket, way.mode, rows});
          const Trial* trial = trials_.Find({type, way.socket, way.mode, rows});
          const bool counts = trial != nullptr && trial->bytes >= kMegabyte;
          cells.push_back(Judged(share, counts && *share < kOfSink));
        }
        table.Add(cells);
      }
    }
    return table.Print() + "\n";
  }

  // The sink's, whichever way is the fastest.
  std::optional<double> BestSink(const std::string& type, int rows) const {
    std::optional<double> best;
    for (const Way& way : kWays) {
      const Trial* sink = trials_.Find({"sink_" + type, way.socket, way.mode, rows});
      if (sink != nullptr) best = std::max(best.value_or(0), GigabytesPerSecond(*sink));
    }
    return best;
  }

  // The share that is left where rows are sampled once they have all arrived, and neither is slower
  // than alone.
  std::optional<double> OneAfterTheOther(const std::string& type, int rows) const {
    const Trial* sink = trials_.Find({"sink_" + type, "tcp", "stream", rows});
    const Trial* engine = trials_.Find(Engine(type, rows));
    if (sink == nullptr || engine == nullptr) return std::nullopt;
    const double received = Percentile(sink->us_per_call, .5);
    return received / (received + Percentile(engine->us_per_call, .5));
  }

  std::string Shared() const {
    TextTable table(
        Header({absl::StrFormat("shared memory: share of the engine's rows/s; >= %.2g from %d rows",
                                kOfEngine, kEngineFromRows),
                "engine: us"}));
    for (const std::string type : kDense) {
      for (const int rows : row_counts_) {
        std::vector<std::string> cells = {
            absl::StrCat(type, ", ", rows, rows > 1 ? " rows" : " row"),
            Number(Median(trials_.Find(Engine(type, rows))))};
        for (const Way& way : kWays) {
          const auto share =
              trials_.Speed({"shared_" + type, way.socket, way.mode, rows}, Engine(type, rows));
          cells.push_back(Judged(share, rows >= kEngineFromRows && share < kOfEngine));
        }
        table.Add(cells);
      }
    }
    return table.Print() + "\n";
  }

  // The time of a call of one row, less the row's own, beside that of an empty call.
  std::string OneRow() const {
    TextTable table(Header(
        {absl::StrFormat("one row: (p50 - the row) / an empty unary call; <= %.2g", kOfEmptyCall),
         "the row: us"}));
    std::vector<std::string> empty = {"an empty call: us", ""};
    for (const Way& way : kWays) empty.push_back(Number(Median(trials_.Find(Empty(way)))));
    table.Add(empty);
    for (const std::string what : {"sparse", "shared_fp32", "shared_bf16"}) {
      const std::string type = what == "sparse" ? what : what.substr(7);
      const std::optional<double> own = Median(trials_.Find(Engine(type, 1)));
      std::vector<std::string> cells = {what, Number(own)};
      for (const Way& way : kWays) {
        const std::optional<double> call = Median(trials_.Find({what, way.socket, way.mode, 1}));
        const std::optional<double> unary = Median(trials_.Find(Empty({way.socket, "unary"})));
        const bool known = own && call && unary;
        const auto ratio = known ? std::make_optional((*call - *own) / *unary) : std::nullopt;
        cells.push_back(Judged(ratio, ratio > kOfEmptyCall));
      }
      table.Add(cells);
    }
    return table.Print() + "\n";
  }

  std::string Numpy() const {
    if (!figures_.numpy_ms) return absl::StrCat("numpy: not measured: ", figures_.no_numpy, "\n\n");
    TextTable table(Header({absl::StrFormat("64 rows of bf16, times as fast as numpy (%.0f ms)",
                                            *figures_.numpy_ms)}));
    const auto add = [&](const std::string& what, double target) {
      std::vector<std::string> cells = {absl::StrFormat("%s; >= %g", what, target)};
      for (const Way& way : kWays) {
        const Trial* trial = trials_.Find({what, way.socket, way.mode, kNumpyRows});
        if (trial == nullptr) {
          cells.push_back("-");
          continue;
        }
        const double faster = *figures_.numpy_ms * 1000 / Percentile(trial->us_per_call, .5);
        cells.push_back(Judged(faster, faster < target));
      }
      table.Add(cells);
    };
    add("shared_bf16", kSharedOverNumpy);
    add("bf16", kInlineOverNumpy);
    return table.Print() + "\n";
  }

  std::string Tails() const {
    TextTable table({"calls of one row", "calls", "p50: us", "p99", "p99.9", "slowest",
                     absl::StrFormat("above %g ms", kStall / 1000)});
    const auto add = [&table](const std::vector<Tail>& tails, const char* when) {
      for (const Tail& tail : tails) {
        std::vector<std::string> cells = {absl::StrCat(tail.name, ", ", when),
                                          absl::StrCat(tail.us.size())};
        for (const double p : {.5, .99, .999, 1.}) {
          cells.push_back(Number(Percentile(tail.us, p)));
        }
        cells.push_back(
            absl::StrCat(std::ranges::count_if(tail.us, [](double us) { return us > kStall; })));
        table.Add(cells);
      }
    };
    if (figures_.back_to_back.empty()) return "";
    add(figures_.after_pauses, "after pauses of 0 to 2 s");
    add(figures_.back_to_back, "back to back");
    return table.Print() + "\n";
  }

  std::string Everything() const {
    TextTable table({"what/socket/mode/rows", "calls/s", "rows/s", "GB/s", "p50: us", "p99"});
    for (const Trial& trial : trials_.all()) {
      const double calls = 1e6 / Percentile(trial.us_per_call, .5);
      table.Add({trial.key.Name(), Number(calls), Number(calls * trial.key.row_count),
                 Number(GigabytesPerSecond(trial)), Number(Percentile(trial.us, .5)),
                 Number(Percentile(trial.us, .99))});
    }
    return table.Print();
  }

  static double GigabytesPerSecond(const Trial& trial) {
    return static_cast<double>(trial.bytes) / (1e3 * Percentile(trial.us_per_call, .5));
  }

  const TransportFigures& figures_;
  const Trials& trials_;
  std::vector<int> row_counts_;
};

std::string JsonOf(const std::string& name, size_t bytes, const std::vector<double>& us) {
  std::string json =
      absl::StrFormat(R"({"name": "%s", "calls": %d, "bytes": %d)", name, us.size(), bytes);
  for (const auto& [label, p] : {std::pair("p50", .5), {"p99", .99}, {"p999", .999}, {"max", 1.}}) {
    absl::StrAppendFormat(&json, R"(, "%s_us": %.3f)", label, Percentile(us, p));
  }
  return json;
}

}  // namespace

std::string Report(const TransportFigures& figures) { return Reporter(figures).Print(); }

std::string Json(const TransportFigures& figures) {
  std::vector<std::string> entries;
  for (const Trial& trial : figures.trials.all()) {
    entries.push_back(absl::StrFormat(R"(%s, "rows": %d, "us_per_call": %.3f})",
                                      JsonOf(trial.key.Name(), trial.bytes, trial.us),
                                      trial.key.row_count, Percentile(trial.us_per_call, .5)));
  }
  for (const Tail& tail : figures.after_pauses) {
    entries.push_back(JsonOf("after_pauses/" + tail.name, 0, tail.us) + "}");
  }
  for (const Tail& tail : figures.back_to_back) {
    entries.push_back(JsonOf("back_to_back/" + tail.name, 0, tail.us) + "}");
  }
  if (figures.numpy_ms) {
    entries.push_back(absl::StrFormat(R"({"name": "numpy", "ms": %.3f})", *figures.numpy_ms));
  }
  std::string json = "[\n";
  for (size_t i = 0; i < entries.size(); ++i) {
    absl::StrAppend(&json, entries[i], i + 1 < entries.size() ? ",\n" : "\n");
  }
  return json + "]\n";
}

}  // namespace boltzmann::bench
