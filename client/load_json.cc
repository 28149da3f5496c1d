#include "client/load_json.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver_util.h>

#include <memory>

#include "client/load_figures.h"
#include "client/utf8.h"

namespace boltzmann::client {
namespace {

using google::protobuf::ListValue;
using google::protobuf::Struct;

// The fields of a JSON object, added one by one.
class Fields {
 public:
  explicit Fields(Struct& fields) : fields_(*fields.mutable_fields()) {}

  void Add(const std::string& name, double value) { fields_[name].set_number_value(value); }
  void Add(const std::string& name, uint64_t value) { Add(name, static_cast<double>(value)); }
  void Add(const std::string& name, int value) { Add(name, static_cast<double>(value)); }
  void Add(const std::string& name, const std::string& text) {
    fields_[name].set_string_value(ValidUtf8(text));
  }
  Fields AddObject(const std::string& name) {
    return Fields(*fields_[name].mutable_struct_value());
  }
  ListValue& AddList(const std::string& name) { return *fields_[name].mutable_list_value(); }

 private:
  google::protobuf::Map<std::string, google::protobuf::Value>& fields_;
};

void AddHistogram(const LatencyHistogram& times, Fields fields) {
  fields.Add("count", times.count());
  fields.Add("min_ns", static_cast<double>(times.Min().count()));
  fields.Add("max_ns", static_cast<double>(times.Max().count()));
  fields.Add("mean_ns", static_cast<double>(times.Mean().count()));
  Fields percentiles = fields.AddObject("percentiles_ms");
  for (const NamedPercentile& percentile : kPercentiles) {
    percentiles.Add(percentile.name, Milliseconds(times.Percentile(percentile.p)));
  }
  ListValue& highest = fields.AddList("bucket_highest_ns");
  ListValue& counts = fields.AddList("bucket_counts");
  for (const LatencyHistogram::Bucket& bucket : times.Buckets()) {
    highest.add_values()->set_number_value(static_cast<double>(bucket.highest.count()));
    counts.add_values()->set_number_value(static_cast<double>(bucket.count));
  }
}

void AddIntervals(const LoadStep& step, ListValue& list) {
  for (const LoadInterval& interval : step.intervals) {
    Fields fields(*list.add_values()->mutable_struct_value());
    fields.Add("begin_seconds", interval.begin_seconds);
    fields.Add("seconds", interval.seconds);
    fields.Add("error_count", interval.error_count);
    AddHistogram(interval.latency, fields.AddObject("latency"));
  }
}

void AddStep(const LoadStep& step, Fields fields) {
  fields.Add("concurrency", step.concurrency);
  if (step.rate) fields.Add("rate", *step.rate);
  fields.Add("seconds", step.seconds);
  fields.Add("call_count", step.call_count);
  fields.Add("row_count", step.row_count);
  fields.Add("logit_bytes", step.logit_bytes);
  fields.Add("calls_per_second", CallsPerSecond(step));
  fields.Add("rows_per_second", RowsPerSecond(step));
  fields.Add("logit_bytes_per_second", LogitBytesPerSecond(step));
  Fields errors = fields.AddObject("errors");
  for (const auto& [code, count] : step.errors) errors.Add(ValidUtf8(code), count);
  fields.Add("first_error", step.first_error);
  fields.Add("verified_count", step.verified_count);
  fields.Add("wrong_count", step.wrong_count);
  AddHistogram(step.latency, fields.AddObject("latency"));
  AddHistogram(step.send_latency, fields.AddObject("send_latency"));
  AddIntervals(step, fields.AddList("intervals"));
  if (step.server) {
    Fields server = fields.AddObject("server");
    server.Add("queued_us", step.server->queued_us);
    server.Add("computed_us", step.server->computed_us);
  }
  ListValue& warnings = fields.AddList("warnings");
  for (const std::string& warning : step.warnings) {
    warnings.add_values()->set_string_value(ValidUtf8(warning));
  }
}

Struct Document(const LoadResult& result) {
  Struct document;
  Fields fields(document);
  fields.Add("schema_version", kLoadJsonVersion);
  fields.Add("target", result.target);
  fields.Add("server_version", result.server_version);
  fields.Add("instruction_set", result.instruction_set);
  Fields settings = fields.AddObject("settings");
  for (const auto& [name, value] : result.settings) settings.Add(ValidUtf8(name), value);
  ListValue& steps = fields.AddList("steps");
  for (const LoadStep& step : result.steps) {
    AddStep(step, Fields(*steps.add_values()->mutable_struct_value()));
  }
  if (result.best) fields.Add("best", uint64_t{*result.best});
  fields.Add("objective", result.objective);
  fields.Add("aborted", result.aborted);
  return document;
}

// A protobuf map has no order of its own; written deterministically, it is that of the keys.
std::string SortedBytes(const Struct& document) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  document.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

}  // namespace

std::string LoadJson(const LoadResult& result) {
  const std::unique_ptr<google::protobuf::util::TypeResolver> types(
      google::protobuf::util::NewTypeResolverForDescriptorPool(
          "type.googleapis.com", google::protobuf::DescriptorPool::generated_pool()));
  std::string json;
  // Fails only for numbers that are not finite, which no figure is.
  const auto status = google::protobuf::util::BinaryToJsonString(
      types.get(), "type.googleapis.com/google.protobuf.Struct", SortedBytes(Document(result)),
      &json);
  return (status.ok() ? json : status.ToString()) + "\n";
}

}  // namespace boltzmann::client
