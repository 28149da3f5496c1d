// What every call that computes rows does, whether it is unary or one of a stream's.
#ifndef BOLTZMANN_SERVER_WORK_H_
#define BOLTZMANN_SERVER_WORK_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "boltzmann/v1/sampler.grpc.pb.h"
#include "core/engine.h"
#include "google/protobuf/arena.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/admission.h"
#include "server/convert.h"
#include "server/limits.h"
#include "server/parse.h"
#include "spdlog/spdlog.h"

namespace boltzmann::server {

// The logits of a request, for the log.
template <typename Request>
const v1::Logits& LogitsOf(const Request& request) {
  return request.logits();
}
inline const v1::Logits& LogitsOf(const v1::StreamSampleRequest& request) {
  return request.request().logits();
}

// One request, from its bytes to those of its reply: decode, enter, sample, encode.
template <typename Request, typename Response>
class Work {
 public:
  using Clock = std::chrono::steady_clock;
  using Done = std::function<void(const absl::Status& status)>;

  // `method` and `peer` are for the log. `admission` must outlive the work.
  Work(const char* method, std::string peer, Admission& admission)
      : method_(method),
        peer_(std::move(peer)),
        admission_(admission),
        request_(*google::protobuf::Arena::CreateMessage<Request>(&arena_)) {}

  // Begins. `done` is called once, on this thread or a worker's: OK if Reply may be called.
  // What was allocated for it is kept until the work is destroyed.
  void Begin(grpc::ByteBuffer body, const Limits& limits, core::Engine& engine,
             Clock::time_point deadline, Done done) {
    absl::Status status = Admit(std::move(body), limits);
    if (!status.ok()) return End(status, done);
    decoded_.batch.deadline = deadline;
    engine.Start(decoded_.batch, [this, done](const absl::Status& sampled) { End(sampled, done); });
  }

  // Has the rows not yet begun dropped. May be called at any time until the work is destroyed.
  void Cancel() { decoded_.batch.cancelled.store(true, std::memory_order_relaxed); }

  Response& MakeReply() {
    auto& response = *google::protobuf::Arena::CreateMessage<Response>(&arena_);
    Encode(decoded_, response);
    return response;
  }

  // Whether it entered, and so must leave by Admission::Leave once it is answered.
  bool HasEntered() const { return rows_admitted_ > 0; }

 private:
  absl::Status Admit(grpc::ByteBuffer body, const Limits& limits) {
    absl::Status status = Parse(std::move(body), limits, request_);
    if (status.ok()) status = Decode(request_, limits, decoded_);
    if (!status.ok()) return status;
    const auto rows = static_cast<uint32_t>(decoded_.batch.rows.size());
    status = admission_.Enter(rows);
    if (status.ok()) rows_admitted_ = rows;
    return status;
  }

  void End(const absl::Status& status, const Done& done) {
    // Before the reply is sent, so that a caller who has it finds room for the next call.
    if (rows_admitted_ > 0) admission_.Release(rows_admitted_);
    Log(status);
    done(status);  // may destroy this
  }

  void Log(const absl::Status& status) const {
    const auto taken = std::chrono::duration<double, std::milli>(Clock::now() - begun_);
    const v1::Logits& logits = LogitsOf(request_);
    spdlog::info("{} rows={} vocab_size={} type={} status={} ms={:.3f} peer={}{}{}", method_,
                 logits.row_count(), logits.vocab_size(), NameOf(logits.data_type()),
                 absl::StatusCodeToString(status.code()), taken.count(), peer_,
                 status.ok() ? "" : " error=", std::string(status.message()));
  }

  const Clock::time_point begun_ = Clock::now();
  const char* const method_;
  const std::string peer_;
  Admission& admission_;
  google::protobuf::Arena arena_;
  Request& request_;  // on the arena
  DecodedRequest decoded_;
  uint32_t rows_admitted_ = 0;
};

// Writes a reply as it goes over the wire.
template <typename Response>
grpc::Status Serialize(const Response& response, grpc::ByteBuffer& out) {
  bool own_buffer = false;
  return grpc::GenericSerialize<grpc::ProtoBufferWriter, Response>(response, &out, &own_buffer);
}

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_WORK_H_
