// What is measured, as Prometheus reads it.
#ifndef BOLTZMANN_SERVER_METRICS_H_
#define BOLTZMANN_SERVER_METRICS_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "boltzmann/v1/sampler.pb.h"
#include "core/batch.h"
#include "prometheus/collectable.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace boltzmann::server {

enum class Method {
  kSample,
  kStreamSample,
  kScore,
  kVerify,
  kDescribe,
  kGetServerInfo,
  kRegisterRegion,
  kRenewRegion,
  kUnregisterRegion,
  kListRegions,
  kOther,  // that this server does not know
};
constexpr int kMethodCount = 11;

// Where a request's rows lie.
enum class RowSource { kInline, kSparse, kSharedMemory };
constexpr int kRowSourceCount = 3;

// What is measured, and logged, of a request's work, whatever its method.
struct WorkSummary {
  uint32_t row_count = 0;
  uint32_t vocab_size = 0;
  v1::DataType data_type = v1::DATA_TYPE_UNSPECIFIED;
  RowSource source = RowSource::kInline;
  std::chrono::nanoseconds compute_time{0};  // the engine's, from its start to its end
  std::array<uint32_t, core::kRowStatusCount> rows_by_status = {};
};

// How far a request has come.
enum class RequestStage { kWaiting, kReceiving, kComputing };
constexpr int kRequestStageCount = 3;

// Counts and distributions, named as README.md lists them. Labels take few values, whatever callers
// send. Thread-safe; what a call costs here is a microsecond or two.
class Metrics {
 public:
  using Seconds = std::chrono::duration<double>;

  Metrics();

  // What is not counted but read whenever somebody asks. Call it before anybody does.
  void Add(std::shared_ptr<prometheus::Collectable> collectable);

  // A gRPC call begins; and ends, with the bytes of its messages. After gRFC A66.
  void CountCall(Method method);
  void CountCallEnd(Method method, int status_code, Seconds taken, size_t received_bytes,
                    size_t sent_bytes);

  // A request, which is a unary call or one of a stream's, is answered; or it is refused or dropped
  // at `stage`, as `status` says.
  void CountAnswer(Seconds waited, const WorkSummary& work);
  void CountFailure(const absl::Status& status, RequestStage stage);

  // Everything, in Prometheus' text format, version 0.0.4.
  std::string Text() const;

 private:
  using Histograms = prometheus::Family<prometheus::Histogram>;
  using Counters = prometheus::Family<prometheus::Counter>;
  static constexpr int kStatusCount = 17;
  static constexpr int kDataTypeCount = 4;

  // Those of one family, by method and status: made when they are first needed.
  class CallHistograms {
   public:
    CallHistograms(Histograms& family, std::vector<double> bounds)
        : family_(family), bounds_(std::move(bounds)) {}
    prometheus::Histogram& At(Method method, int status_code);

   private:
    Histograms& family_;
    const std::vector<double> bounds_;
    std::array<std::array<std::atomic<prometheus::Histogram*>, kStatusCount>, kMethodCount> all_ =
        {};
  };

  void AddCalls();
  void AddRows();
  void AddFailures();

  prometheus::Registry registry_;
  std::array<prometheus::Counter*, kMethodCount> calls_;
  CallHistograms call_seconds_;
  CallHistograms call_received_bytes_;
  CallHistograms call_sent_bytes_;
  prometheus::Histogram& queue_wait_;
  prometheus::Histogram& compute_;
  prometheus::Histogram& batch_rows_;
  std::array<std::array<prometheus::Counter*, kDataTypeCount>, kRowSourceCount> rows_;
  std::array<prometheus::Counter*, core::kRowStatusCount> bad_rows_;
  Counters* rejected_;
  std::array<prometheus::Counter*, kRequestStageCount> expired_;
  std::array<prometheus::Counter*, kRequestStageCount> cancelled_;
  std::vector<std::shared_ptr<prometheus::Collectable>> collectables_;
};

// One gRPC call, of which Metrics are told. Not thread-safe.
class CallMeter {
 public:
  // `metrics` must outlive it.
  CallMeter(Metrics& metrics, Method method) : metrics_(metrics), method_(method) {
    metrics_.CountCall(method_);
  }

  void Received(size_t bytes) { received_bytes_ += bytes; }
  void Sent(size_t bytes) { sent_bytes_ += bytes; }

  // Call it once.
  void End(int status_code) {
    metrics_.CountCallEnd(method_, status_code, Clock::now() - begun_, received_bytes_,
                          sent_bytes_);
  }

 private:
  using Clock = std::chrono::steady_clock;
  Metrics& metrics_;
  const Method method_;
  const Clock::time_point begun_ = Clock::now();
  size_t received_bytes_ = 0;
  size_t sent_bytes_ = 0;
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_METRICS_H_
