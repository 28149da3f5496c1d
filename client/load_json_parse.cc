// ParseLoadJson(): protobuf reads the text, this reads the fields.
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/load_json.h"

namespace boltzmann::client {
namespace {

using google::protobuf::ListValue;
using google::protobuf::Struct;
using google::protobuf::Value;

constexpr double kLargestCount = 9007199254740992;  // 2^53: beyond, doubles skip integers
constexpr double kLongestNs = 1e15;                 // some 11 days

// Reads the fields of one JSON object. After the first thing that is wrong, which `error` keeps,
// whatever it returns is of no meaning.
class Reader {
 public:
  Reader(const Struct& object, std::string path, std::string& error)
      : fields_(object.fields()), path_(std::move(path)), error_(error) {}

  bool Has(const std::string& name) const { return fields_.contains(name); }

  double Number(const std::string& name, double most) const {
    return Checked(Get(name, Value::kNumberValue).number_value(), most, name);
  }

  double Integer(const std::string& name, double most) const {
    const double value = Number(name, most);
    if (value != std::floor(value)) Fail(name, "is not an integer");
    return value;
  }

  uint64_t Count(const std::string& name) const {
    return static_cast<uint64_t>(Integer(name, kLargestCount));
  }

  std::string Text(const std::string& name) const {
    return Get(name, Value::kStringValue).string_value();
  }

  Reader Object(const std::string& name) const {
    return Reader(Get(name, Value::kStructValue).struct_value(), absl::StrCat(path_, name, "."),
                  error_);
  }

  std::vector<Reader> Objects(const std::string& name) const {
    std::vector<Reader> objects;
    for (const Value& value : List(name)) {
      const std::string at = absl::StrCat(name, "[", objects.size(), "]");
      if (value.kind_case() != Value::kStructValue) Fail(at, "is not an object");
      objects.emplace_back(value.struct_value(), absl::StrCat(path_, at, "."), error_);
    }
    return objects;
  }

  std::vector<double> Numbers(const std::string& name, double most) const {
    std::vector<double> numbers;
    for (const Value& value : List(name)) {
      const std::string at = absl::StrCat(name, "[", numbers.size(), "]");
      if (value.kind_case() != Value::kNumberValue) Fail(at, "is not a number");
      numbers.push_back(Checked(value.number_value(), most, at));
    }
    return numbers;
  }

  std::vector<std::string> Texts(const std::string& name) const {
    std::vector<std::string> texts;
    for (const Value& value : List(name)) {
      if (value.kind_case() != Value::kStringValue) Fail(name, "has what is not a text");
      texts.push_back(value.string_value());
    }
    return texts;
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& [name, value] : fields_) names.push_back(name);
    return names;
  }

  void Fail(const std::string& name, const std::string& what) const {
    if (error_.empty()) error_ = absl::StrCat(path_, name, " ", what);
  }

 private:
  const google::protobuf::RepeatedPtrField<Value>& List(const std::string& name) const {
    return Get(name, Value::kListValue).list_value().values();
  }

  // An empty value in place of one that is missing or of another kind.
  const Value& Get(const std::string& name, Value::KindCase kind) const {
    const auto found = fields_.find(name);
    if (found == fields_.end()) {
      Fail(name, "is missing");
    } else if (found->second.kind_case() != kind) {
      Fail(name, "is of another type");
    } else {
      return found->second;
    }
    return Value::default_instance();
  }

  double Checked(double value, double most, const std::string& name) const {
    if (value >= 0 && value <= most) return value;
    Fail(name, absl::StrCat("is ", value, ": it must be in [0, ", most, "]"));
    return 0;
  }

  const google::protobuf::Map<std::string, Value>& fields_;
  std::string path_;
  std::string& error_;
};

using Duration = LatencyHistogram::Duration;

Duration Nanoseconds(double ns) { return Duration(static_cast<int64_t>(ns)); }

// The times of a histogram that has counts[i] at times[i]. Its cost goes with the digits of the
// counts and not with the counts: times that have a bit of their count set are recorded, all are
// doubled, and so on to the lowest bit.
LatencyHistogram Recorded(const std::vector<Duration>& times, const std::vector<uint64_t>& counts) {
  LatencyHistogram recorded;
  for (int bit = 53; bit >= 0; --bit) {
    if (recorded.count() > 0) recorded.Add(LatencyHistogram(recorded));
    for (size_t i = 0; i < times.size(); ++i) {
      if ((counts[i] >> bit & 1) != 0) recorded.Record(times[i]);
    }
  }
  return recorded;
}

// The times at the ends of their buckets, but one shortest and all of the last bucket, whose
// longest is known.
LatencyHistogram ReadHistogram(const Reader& fields) {
  const std::vector<double> highest = fields.Numbers("bucket_highest_ns", kLongestNs);
  const std::vector<double> bucket_counts = fields.Numbers("bucket_counts", kLargestCount);
  if (highest.size() != bucket_counts.size()) {
    fields.Fail("bucket_counts", absl::StrCat("has ", bucket_counts.size(), " entries and not ",
                                              highest.size(), ", as bucket_highest_ns"));
    return {};
  }
  std::vector<Duration> times;
  std::vector<uint64_t> counts;
  double total = 0;
  for (size_t i = 0; i < highest.size(); ++i) {
    times.push_back(Nanoseconds(highest[i]));
    counts.push_back(static_cast<uint64_t>(bucket_counts[i]));
    total += bucket_counts[i];
  }
  if (total != fields.Integer("count", kLargestCount)) {
    fields.Fail("count", "is not the sum of bucket_counts");
    return {};
  }
  const Duration min = Nanoseconds(fields.Integer("min_ns", kLongestNs));
  const Duration max = Nanoseconds(fields.Integer("max_ns", kLongestNs));
  if (times.empty() || counts[0] == 0) return {};
  times.back() = max;
  times.push_back(min);
  --counts[0];
  counts.push_back(1);
  if (counts.size() == 2 && counts[0] == 0) times[1] = max;  // a single time
  return Recorded(times, counts);
}

std::vector<LoadInterval> ReadIntervals(const Reader& step) {
  std::vector<LoadInterval> intervals;
  for (const Reader& fields : step.Objects("intervals")) {
    intervals.push_back({.begin_seconds = fields.Number("begin_seconds", 1e9),
                         .seconds = fields.Number("seconds", 1e9),
                         .error_count = fields.Count("error_count"),
                         .latency = ReadHistogram(fields.Object("latency"))});
  }
  return intervals;
}

LoadStep ReadStep(const Reader& fields) {
  LoadStep step;
  step.concurrency = static_cast<int>(fields.Integer("concurrency", 1e9));
  if (fields.Has("rate")) step.rate = fields.Number("rate", 1e12);
  step.seconds = fields.Number("seconds", 1e9);
  step.call_count = fields.Count("call_count");
  step.row_count = fields.Count("row_count");
  step.logit_bytes = fields.Count("logit_bytes");
  const Reader errors = fields.Object("errors");
  for (const std::string& code : errors.Names()) step.errors[code] = errors.Count(code);
  step.first_error = fields.Text("first_error");
  step.verified_count = fields.Count("verified_count");
  step.wrong_count = fields.Count("wrong_count");
  step.latency = ReadHistogram(fields.Object("latency"));
  step.send_latency = ReadHistogram(fields.Object("send_latency"));
  step.intervals = ReadIntervals(fields);
  if (fields.Has("server")) {
    const Reader server = fields.Object("server");
    step.server = {.queued_us = server.Number("queued_us", 1e15),
                   .computed_us = server.Number("computed_us", 1e15)};
  }
  step.warnings = fields.Texts("warnings");
  return step;
}

LoadResult ReadResult(const Reader& fields) {
  LoadResult result;
  result.target = fields.Text("target");
  result.server_version = fields.Text("server_version");
  result.instruction_set = fields.Text("instruction_set");
  const Reader settings = fields.Object("settings");
  for (const std::string& name : settings.Names()) result.settings[name] = settings.Text(name);
  for (const Reader& step : fields.Objects("steps")) result.steps.push_back(ReadStep(step));
  if (fields.Has("best")) result.best = fields.Count("best");
  if (result.best && *result.best >= result.steps.size()) fields.Fail("best", "is not of a step");
  result.objective = fields.Text("objective");
  result.aborted = fields.Text("aborted");
  return result;
}

}  // namespace

absl::StatusOr<LoadResult> ParseLoadJson(const std::string& json) {
  Struct document;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &document);
  if (!status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("is not JSON: ", status.ToString()));
  }
  std::string error;
  const Reader fields(document, "", error);
  const double version = fields.Integer("schema_version", kLargestCount);
  if (version != kLoadJsonVersion) {
    fields.Fail("schema_version",
                absl::StrCat("is ", version, ": only ", kLoadJsonVersion, " can be read"));
  }
  if (!error.empty()) return absl::InvalidArgumentError(error);
  LoadResult result = ReadResult(fields);
  if (!error.empty()) return absl::InvalidArgumentError(error);
  return result;
}

}  // namespace boltzmann::client
