#include "client/load_csv.h"

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/load_figures.h"
#include "client/table.h"

namespace boltzmann::client {
namespace {

Line Head() {
  Line head = {"line",    "step",  "concurrency", "rate",   "begin_seconds",
               "seconds", "calls", "errors",      "calls/s"};
  head.insert(head.end(), {"min_ms", "mean_ms"});
  for (const NamedPercentile& percentile : kPercentiles) {
    head.push_back(absl::StrCat(percentile.name, "_ms"));
  }
  head.push_back("max_ms");
  for (const NamedPercentile& percentile : kPercentiles) {
    head.push_back(absl::StrCat("send_", percentile.name, "_ms"));
  }
  head.push_back("send_max_ms");
  head.insert(head.end(), {"rows", "rows/s", "logit_bytes", "logit_bytes/s", "queued_us",
                           "computed_us", "verified", "wrong", "best"});
  return head;
}

std::string TimeCell(const LatencyHistogram& times, LatencyHistogram::Duration time) {
  return times.count() == 0 ? "" : ExactCell(Milliseconds(time));
}

void AddPercentiles(const LatencyHistogram& times, Line& line) {
  for (const NamedPercentile& percentile : kPercentiles) {
    line.push_back(TimeCell(times, times.Percentile(percentile.p)));
  }
  line.push_back(TimeCell(times, times.Max()));
}

void AddLatency(const LatencyHistogram& times, Line& line) {
  line.push_back(TimeCell(times, times.Min()));
  line.push_back(TimeCell(times, times.Mean()));
  AddPercentiles(times, line);
}

// What every line of a step begins with.
Line Begin(const char* kind, size_t number, const LoadStep& step) {
  return {kind, absl::StrCat(number), absl::StrCat(step.concurrency),
          step.rate ? ExactCell(*step.rate) : ""};
}

Line StepLine(const LoadResult& result, size_t i) {
  const LoadStep& step = result.steps[i];
  Line line = Begin("step", i + 1, step);
  line.insert(line.end(), {"0", ExactCell(step.seconds), absl::StrCat(step.call_count),
                           absl::StrCat(ErrorCount(step)), ExactCell(CallsPerSecond(step))});
  AddLatency(step.latency, line);
  AddPercentiles(step.send_latency, line);
  line.insert(
      line.end(),
      {absl::StrCat(step.row_count), ExactCell(RowsPerSecond(step)), absl::StrCat(step.logit_bytes),
       ExactCell(LogitBytesPerSecond(step)), step.server ? ExactCell(step.server->queued_us) : "",
       step.server ? ExactCell(step.server->computed_us) : "", absl::StrCat(step.verified_count),
       absl::StrCat(step.wrong_count), result.best == i ? "1" : ""});
  return line;
}

Line IntervalLine(size_t number, const LoadStep& step, const LoadInterval& interval) {
  Line line = Begin("interval", number, step);
  const uint64_t calls = interval.latency.count();
  const double rate = interval.seconds > 0 ? static_cast<double>(calls) / interval.seconds : 0;
  line.insert(line.end(),
              {ExactCell(interval.begin_seconds), ExactCell(interval.seconds), absl::StrCat(calls),
               absl::StrCat(interval.error_count), ExactCell(rate)});
  AddLatency(interval.latency, line);
  line.resize(Head().size());
  return line;
}

}  // namespace

void WriteLoadCsv(const LoadResult& result, std::ostream& out) {
  out << absl::StrJoin(Head(), ",") << '\n';
  for (size_t i = 0; i < result.steps.size(); ++i) {
    out << absl::StrJoin(StepLine(result, i), ",") << '\n';
    for (const LoadInterval& interval : result.steps[i].intervals) {
      out << absl::StrJoin(IntervalLine(i + 1, result.steps[i], interval), ",") << '\n';
    }
  }
}

}  // namespace boltzmann::client
