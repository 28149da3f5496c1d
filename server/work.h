// What every call that computes rows does, whether it is unary or one of a stream's.
#ifndef BOLTZMANN_SERVER_WORK_H_
#define BOLTZMANN_SERVER_WORK_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <utility>

#include "boltzmann/v1/sampler.pb.h"
#include "google/protobuf/arena.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/backend.h"
#include "server/body.h"
#include "server/convert.h"
#include "server/parse.h"

namespace boltzmann::server {

// A message as it goes over the wire.
template <typename Message>
grpc::ByteBuffer Serialize(const Message& message) {
  grpc::ByteBuffer bytes;
  bool own_buffer = false;
  grpc::GenericSerialize<grpc::ProtoBufferWriter, Message>(message, &bytes, &own_buffer);
  return bytes;
}

// One request, from its bytes to those of its reply: parse, decode, sample, encode.
class Work {
 public:
  using Clock = std::chrono::steady_clock;
  using Done = std::function<void(const absl::Status& status)>;

  virtual ~Work() = default;

  // Begins. `done` is called once, on this thread or a worker's: OK if there is a reply.
  // REQUIRES: called once.
  virtual void Begin(grpc::ByteBuffer body, const Backend& backend, Clock::time_point deadline,
                     Done done) = 0;

  // Has the rows not yet begun dropped. May be called at any time until the work is destroyed.
  virtual void Cancel() = 0;

  // The reply, as it goes over the wire. REQUIRES: done with OK; called once.
  virtual grpc::ByteBuffer TakeReply() = 0;

  // What was done. Valid once it is done, with whatever status.
  virtual WorkSummary Summary() const = 0;
};

// The logits of a request.
template <typename Request>
const v1::Logits& LogitsOf(const Request& request) {
  return request.logits();
}
inline const v1::Logits& LogitsOf(const v1::StreamSampleRequest& request) {
  return request.request().logits();
}

inline RowSource SourceOf(const v1::Logits& logits) {
  if (logits.has_sparse_rows()) return RowSource::kSparse;
  return logits.has_shared_rows() ? RowSource::kSharedMemory : RowSource::kInline;
}

// The work of one method.
template <typename Request, typename Response>
class WorkOf final : public Work {
 public:
  WorkOf() : request_(*google::protobuf::Arena::CreateMessage<Request>(&arena_)) {}

  void Begin(grpc::ByteBuffer buffer, const Backend& backend, Clock::time_point deadline,
             Done done) override {
    backend.counters.CountReceived(buffer.Length());
    body_.emplace(std::move(buffer));
    absl::Status status = Parse(*body_, backend.limits, request_);
    if (status.ok()) status = Decode(request_, {*body_, backend.limits, backend.regions}, decoded_);
    if (!status.ok()) return done(status);
    decoded_.batch.deadline = deadline;
    const Clock::time_point begun = Clock::now();
    backend.engine.Start(decoded_.batch, [this, done, begun](absl::Status sampled) {
      compute_time_ = Clock::now() - begun;
      if (sampled.ok()) sampled = CheckSource(decoded_);
      done(sampled);  // may destroy this
    });
  }

  void Cancel() override { decoded_.batch.cancelled.store(true, std::memory_order_relaxed); }

  grpc::ByteBuffer TakeReply() override {
    auto& response = *google::protobuf::Arena::CreateMessage<Response>(&arena_);
    Encode(decoded_, response);
    return Serialize(response);
  }

  WorkSummary Summary() const override {
    const v1::Logits& logits = LogitsOf(request_);
    WorkSummary summary{.row_count = logits.row_count(),
                        .vocab_size = logits.vocab_size(),
                        .data_type = logits.data_type(),
                        .source = SourceOf(logits),
                        .compute_time = compute_time_};
    for (const core::RowResult& row : decoded_.batch.results.rows())
      ++summary.rows_by_status[static_cast<int>(row.status)];
    return summary;
  }

 private:
  // The first block of the arena: small requests and their replies take no other.
  static constexpr size_t kBlockBytes = 4096;

  alignas(8) char block_[kBlockBytes];
  google::protobuf::Arena arena_{block_, kBlockBytes};
  std::optional<Body> body_;
  Request& request_;  // on the arena
  DecodedRequest decoded_;
  std::chrono::nanoseconds compute_time_{0};
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_WORK_H_
