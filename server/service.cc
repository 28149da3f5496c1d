#include "server/service.h"

#include <chrono>
#include <string>
#include <utility>

#include "server/status.h"
#include "server/stream.h"
#include "server/work.h"

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
      : response_(response), admission_(admission), work_(method, context.peer(), admission) {}

  void Begin(grpc::ByteBuffer body, const Limits& limits, core::Engine& engine,
             steady_clock::time_point deadline) {
    work_.Begin(std::move(body), limits, engine, deadline, [this](const absl::Status& status) {
      Finish(status.ok() ? Serialize(work_.MakeReply(), response_) : ToGrpc(status));
    });
  }

  void OnCancel() override { work_.Cancel(); }

  void OnDone() override {
    Admission& admission = admission_;
    const bool entered = work_.HasEntered();
    delete this;
    if (entered) admission.Leave();
  }

 private:
  grpc::ByteBuffer& response_;
  Admission& admission_;
  Work<Request, Response> work_;
};

}  // namespace

template <typename Request, typename Response>
grpc::ServerUnaryReactor* SamplerService::Start(const char* method,
                                                grpc::CallbackServerContext& context,
                                                const grpc::ByteBuffer& request,
                                                grpc::ByteBuffer& response) {
  auto* call = new Call<Request, Response>(method, context, response, admission_);
  call->Begin(request, limits_, engine_, SteadyDeadline(context));
  return call;
}

grpc::ServerUnaryReactor* SamplerService::Sample(grpc::CallbackServerContext* context,
                                                 const grpc::ByteBuffer* request,
                                                 grpc::ByteBuffer* response) {
  return Start<v1::SampleRequest, v1::SampleResponse>("Sample", *context, *request, *response);
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* SamplerService::StreamSample(
    grpc::CallbackServerContext* context) {
  return NewSampleStream(*context, SteadyDeadline(*context), limits_, engine_, admission_);
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
