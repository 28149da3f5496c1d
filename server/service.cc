#include "server/service.h"

#include <chrono>
#include <string>
#include <utility>

#include "google/protobuf/arena.h"
#include "server/convert.h"
#include "server/parse.h"
#include "server/status.h"
#include "spdlog/spdlog.h"

namespace boltzmann::server {
namespace {

using std::chrono::steady_clock;

// The caller's deadline on the clock that the engine knows.
steady_clock::time_point SteadyDeadline(const grpc::CallbackServerContext& context) {
  const auto left = context.deadline() - std::chrono::system_clock::now();
  if (left > std::chrono::hours(24 * 365)) return steady_clock::time_point::max();
  return steady_clock::now() + std::chrono::duration_cast<steady_clock::duration>(left);
}

// One call, from its first byte to its last. Owns itself, and ends in OnDone.
template <typename Request, typename Response>
class Call final : public grpc::ServerUnaryReactor {
 public:
  // `method` is its name in the log.
  Call(const char* method, grpc::CallbackServerContext& context, grpc::ByteBuffer& response,
       Admission& admission)
      : method_(method),
        context_(context),
        response_(response),
        admission_(admission),
        request_(*google::protobuf::Arena::CreateMessage<Request>(&arena_)) {}

  void Begin(grpc::ByteBuffer body, const Limits& limits, core::Engine& engine) {
    absl::Status status = Admit(std::move(body), limits);
    if (!status.ok()) return End(status);
    decoded_.batch.deadline = SteadyDeadline(context_);
    engine.Start(decoded_.batch, [this](const absl::Status& sampled) { End(sampled); });
  }

  void OnCancel() override { decoded_.batch.cancelled.store(true, std::memory_order_relaxed); }

  void OnDone() override {
    Admission& admission = admission_;
    const bool admitted = rows_admitted_ > 0;
    delete this;
    if (admitted) admission.Leave();
  }

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

  void End(const absl::Status& status) {
    // Before the reply is sent, so that a caller who has it finds room for the next call.
    if (rows_admitted_ > 0) admission_.Release(rows_admitted_);
    if (status.ok()) {
      const grpc::Status encoded = Reply();
      Log(status);
      return Finish(encoded);
    }
    Log(status);
    Finish(ToGrpc(status));
  }

  grpc::Status Reply() {
    auto& response = *google::protobuf::Arena::CreateMessage<Response>(&arena_);
    Encode(decoded_, response);
    bool own_buffer = false;
    return grpc::GenericSerialize<grpc::ProtoBufferWriter, Response>(response, &response_,
                                                                     &own_buffer);
  }

  void Log(const absl::Status& status) const {
    const auto taken = std::chrono::duration<double, std::milli>(steady_clock::now() - begun_);
    const v1::Logits& logits = request_.logits();
    spdlog::info("{} rows={} vocab_size={} type={} status={} ms={:.3f} peer={}{}{}", method_,
                 logits.row_count(), logits.vocab_size(), NameOf(logits.data_type()),
                 absl::StatusCodeToString(status.code()), taken.count(), context_.peer(),
                 status.ok() ? "" : " error=", std::string(status.message()));
  }

  const steady_clock::time_point begun_ = steady_clock::now();
  const char* const method_;
  grpc::CallbackServerContext& context_;
  grpc::ByteBuffer& response_;
  Admission& admission_;
  google::protobuf::Arena arena_;
  Request& request_;  // on the arena
  DecodedRequest decoded_;
  uint32_t rows_admitted_ = 0;
};

}  // namespace

template <typename Request, typename Response>
grpc::ServerUnaryReactor* SamplerService::Start(const char* method,
                                                grpc::CallbackServerContext& context,
                                                const grpc::ByteBuffer& request,
                                                grpc::ByteBuffer& response) {
  auto* call = new Call<Request, Response>(method, context, response, admission_);
  call->Begin(request, limits_, engine_);
  return call;
}

grpc::ServerUnaryReactor* SamplerService::Sample(grpc::CallbackServerContext* context,
                                                 const grpc::ByteBuffer* request,
                                                 grpc::ByteBuffer* response) {
  return Start<v1::SampleRequest, v1::SampleResponse>("Sample", *context, *request, *response);
}

grpc::ServerUnaryReactor* SamplerService::Score(grpc::CallbackServerContext* context,
                                                const grpc::ByteBuffer* request,
                                                grpc::ByteBuffer* response) {
  return Start<v1::ScoreRequest, v1::ScoreResponse>("Score", *context, *request, *response);
}

grpc::ServerUnaryReactor* SamplerService::Verify(grpc::CallbackServerContext* context,
                                                 const grpc::ByteBuffer* request,
                                                 grpc::ByteBuffer* response) {
  return Start<v1::VerifyRequest, v1::VerifyResponse>("Verify", *context, *request, *response);
}

grpc::ServerUnaryReactor* SamplerService::Describe(grpc::CallbackServerContext* context,
                                                   const grpc::ByteBuffer* request,
                                                   grpc::ByteBuffer* response) {
  return Start<v1::DescribeRequest, v1::DescribeResponse>("Describe", *context, *request,
                                                          *response);
}

grpc::ServerUnaryReactor* SamplerService::GetServerInfo(grpc::CallbackServerContext* context,
                                                        const v1::GetServerInfoRequest*,
                                                        v1::GetServerInfoResponse* response) {
  response->set_version(BOLTZMANN_VERSION);
  response->set_instruction_set(std::string(core::NameOf(engine_.instruction_set())));
  response->set_worker_count(engine_.worker_count());
  v1::Limits& limits = *response->mutable_limits();
  limits.set_max_message_bytes(limits_.max_message_bytes);
  limits.set_max_row_count(limits_.max_row_count);
  limits.set_max_vocab_size(limits_.max_vocab_size);
  limits.set_max_rows_in_flight(limits_.max_rows_in_flight);
  limits.set_max_listed_tokens(limits_.max_listed_tokens);
  for (const char* stage : core::StageNames()) response->add_stages(stage);
  for (const v1::DataType type :
       {v1::DATA_TYPE_FLOAT32, v1::DATA_TYPE_FLOAT16, v1::DATA_TYPE_BFLOAT16}) {
    response->add_data_types(type);
  }
  auto* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace boltzmann::server
