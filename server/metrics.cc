#include "server/metrics.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "prometheus/text_serializer.h"
#include "server/convert.h"
#include "server/status.h"

namespace boltzmann::server {
namespace {

// As gRFC A66 names them.
constexpr const char* kMethodNames[kMethodCount] = {
    "boltzmann.v1.SamplerService/Sample",
    "boltzmann.v1.SamplerService/StreamSample",
    "boltzmann.v1.SamplerService/Score",
    "boltzmann.v1.SamplerService/Verify",
    "boltzmann.v1.SamplerService/Describe",
    "boltzmann.v1.SamplerService/GetServerInfo",
    "boltzmann.v1.RegionService/RegisterRegion",
    "boltzmann.v1.RegionService/RenewRegion",
    "boltzmann.v1.RegionService/UnregisterRegion",
    "boltzmann.v1.RegionService/ListRegions",
    "other"};

constexpr const char* kSourceNames[kRowSourceCount] = {"inline", "sparse", "shared_memory"};

constexpr const char* kStageNames[kRequestStageCount] = {"waiting", "receiving", "computing"};

constexpr v1::DataType kDataTypes[] = {v1::DATA_TYPE_FLOAT32, v1::DATA_TYPE_FLOAT16,
                                       v1::DATA_TYPE_BFLOAT16};

// Why requests are refused, other than by status codes.
constexpr char kLimit[] = "limit";
constexpr char kQueueFull[] = "queue_full";
constexpr char kDraining[] = "draining";

// The bounds that gRFC A66 gives: seconds, and bytes.
const std::vector<double> kCallSeconds = {
    .00001, .00005, .0001, .0003, .0006, .0008, .001, .002, .003, .004, .005, .006, .008, .01,
    .013,   .016,   .02,   .025,  .03,   .04,   .05,  .065, .08,  .1,   .13,  .16,  .2,   .25,
    .3,     .4,     .5,    .65,   .8,    1,     2,    5,    10,   20,   50,   100};
const std::vector<double> kCallBytes = {1024,    2048,     4096,     16384,     65536,     262144,
                                        1048576, 4194304, 16777216, 67108864, 268435456, 1073741824};

// A row takes 20 us, a call without contention 100, and nobody waits for longer than a minute.
const std::vector<double> kSeconds = {.00002, .00005, .0001, .0002, .0005, .001, .002, .005, .01,
                                      .02,    .05,    .1,    .2,    .5,    1,    2,    5,    10};
const std::vector<double> kBatchRows = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096};

template <typename Builder>
auto& Family(Builder builder, const char* name, const char* help, prometheus::Registry& registry) {
  return builder.Name(name).Help(help).Register(registry);
}

std::string LowerCase(absl::StatusCode code) {
  return absl::AsciiStrToLower(absl::StatusCodeToString(code));
}

// A few words, one for each thing that a caller or an operator can do about it.
std::string ReasonOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kResourceExhausted:
      return PushbackMs(status) == "-1" ? kLimit : kQueueFull;
    case absl::StatusCode::kUnavailable:
      return kDraining;
    default:
      return LowerCase(status.code());
  }
}

const char* NameOf(core::RowStatus status) {
  switch (status) {
    case core::RowStatus::kOk:
      return "ok";
    case core::RowStatus::kNanLogit:
      return "nan_logit";
    case core::RowStatus::kPositiveInfinity:
      return "positive_infinity";
    case core::RowStatus::kNoAllowedToken:
      return "no_allowed_token";
    case core::RowStatus::kCandidatesExhausted:
      return "candidates_exhausted";
    case core::RowStatus::kInvalidDraft:
      return "invalid_draft";
    case core::RowStatus::kLogitsChanged:
      return "logits_changed";
  }
  return "";
}

}  // namespace

prometheus::Histogram& Metrics::CallHistograms::At(Method method, int status_code) {
  const int status = std::clamp(status_code, 0, kStatusCount - 1);
  std::atomic<prometheus::Histogram*>& place = all_[static_cast<int>(method)][status];
  prometheus::Histogram* found = place.load(std::memory_order_acquire);
  if (found != nullptr) return *found;
  // Who comes at the same time is given the same one.
  found = &family_.Add({{"grpc_method", kMethodNames[static_cast<int>(method)]},
                        {"grpc_status",
                         absl::StatusCodeToString(static_cast<absl::StatusCode>(status))}},
                       bounds_);
  place.store(found, std::memory_order_release);
  return *found;
}

Metrics::Metrics()
    : call_seconds_(Family(prometheus::BuildHistogram(), "grpc_server_call_duration_seconds",
                           "Calls that ended: how long they took.", registry_),
                    kCallSeconds),
      call_received_bytes_(
          Family(prometheus::BuildHistogram(),
                 "grpc_server_call_rcvd_total_compressed_message_size_bytes",
                 "Calls that ended: what was received, in bytes.", registry_),
          kCallBytes),
      call_sent_bytes_(Family(prometheus::BuildHistogram(),
                              "grpc_server_call_sent_total_compressed_message_size_bytes",
                              "Calls that ended: what was sent, in bytes.", registry_),
                       kCallBytes),
      queue_wait_(Family(prometheus::BuildHistogram(), "boltzmann_queue_wait_seconds",
                         "Requests answered: how long they waited for their turn.", registry_)
                      .Add({}, kSeconds)),
      compute_(Family(prometheus::BuildHistogram(), "boltzmann_compute_seconds",
                      "Requests answered: how long their rows took, with all workers.", registry_)
                   .Add({}, kSeconds)),
      batch_rows_(Family(prometheus::BuildHistogram(), "boltzmann_batch_rows",
                         "Requests answered: their rows.", registry_)
                      .Add({}, kBatchRows)) {
  AddCalls();
  AddRows();
  AddFailures();
}

void Metrics::AddCalls() {
  Counters& family = Family(prometheus::BuildCounter(), "grpc_server_call_started_total",
                            "Calls that began.", registry_);
  for (int method = 0; method < kMethodCount; ++method)
    calls_[method] = &family.Add({{"grpc_method", kMethodNames[method]}});
}

void Metrics::AddRows() {
  Counters& rows = Family(prometheus::BuildCounter(), "boltzmann_rows_total",
                          "Rows of requests answered, by where they lay and their type.", registry_);
  for (int source = 0; source < kRowSourceCount; ++source) {
    for (const v1::DataType type : kDataTypes) {
      rows_[source][type] =
          &rows.Add({{"source", kSourceNames[source]}, {"data_type", server::NameOf(type)}});
    }
  }
  Counters& bad = Family(prometheus::BuildCounter(), "boltzmann_bad_rows_total",
                         "Rows whose status is not OK.", registry_);
  for (int status = 1; status < core::kRowStatusCount; ++status)
    bad_rows_[status] = &bad.Add({{"status", NameOf(static_cast<core::RowStatus>(status))}});
}

void Metrics::AddFailures() {
  rejected_ = &Family(prometheus::BuildCounter(), "boltzmann_rejected_requests_total",
                      "Requests that were refused, by why.", registry_);
  for (const char* reason : {"invalid_argument", kLimit, kQueueFull, kDraining, "unauthenticated",
                             "permission_denied", "not_found", "failed_precondition"})
    rejected_->Add({{"reason", reason}});
  Counters& dropped = Family(prometheus::BuildCounter(), "boltzmann_dropped_requests_total",
                             "Requests that were dropped, by why and how far they had come.",
                             registry_);
  for (int stage = 0; stage < kRequestStageCount; ++stage) {
    expired_[stage] = &dropped.Add({{"reason", "deadline"}, {"stage", kStageNames[stage]}});
    cancelled_[stage] = &dropped.Add({{"reason", "cancelled"}, {"stage", kStageNames[stage]}});
  }
}

void Metrics::Add(std::shared_ptr<prometheus::Collectable> collectable) {
  collectables_.push_back(std::move(collectable));
}

void Metrics::CountCall(Method method) { calls_[static_cast<int>(method)]->Increment(); }

void Metrics::CountCallEnd(Method method, int status_code, Seconds taken, size_t received_bytes,
                           size_t sent_bytes) {
  call_seconds_.At(method, status_code).Observe(taken.count());
  call_received_bytes_.At(method, status_code).Observe(static_cast<double>(received_bytes));
  call_sent_bytes_.At(method, status_code).Observe(static_cast<double>(sent_bytes));
}

void Metrics::CountAnswer(Seconds waited, const WorkSummary& work) {
  queue_wait_.Observe(waited.count());
  compute_.Observe(Seconds(work.compute_time).count());
  batch_rows_.Observe(work.row_count);
  rows_[static_cast<int>(work.source)][work.data_type]->Increment(work.row_count);
  for (int status = 1; status < core::kRowStatusCount; ++status) {
    if (work.rows_by_status[status] > 0)
      bad_rows_[status]->Increment(work.rows_by_status[status]);
  }
}

void Metrics::CountFailure(const absl::Status& status, RequestStage stage) {
  const int at = static_cast<int>(stage);
  if (absl::IsDeadlineExceeded(status)) return expired_[at]->Increment();
  if (absl::IsCancelled(status)) return cancelled_[at]->Increment();
  rejected_->Add({{"reason", ReasonOf(status)}}).Increment();
}

std::string Metrics::Text() const {
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  for (const auto& collectable : collectables_) {
    std::vector<prometheus::MetricFamily> more = collectable->Collect();
    std::move(more.begin(), more.end(), std::back_inserter(families));
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace boltzmann::server
