#include "server/service.h"

#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/call.h"
#include "server/quick_call.h"
#include "server/status.h"
#include "server/stream.h"
#include "server/work.h"

namespace boltzmann::server {
namespace {

constexpr absl::string_view kPrefix = "/boltzmann.v1.SamplerService/";

using NewWork = std::unique_ptr<Work> (*)();

template <typename Request, typename Response>
std::unique_ptr<Work> New() {
  return std::make_unique<WorkOf<Request, Response>>();
}

// A unary method.
struct UnaryMethod {
  Method method;
  const char* name;
  NewWork new_work;
};

constexpr UnaryMethod kMethods[] = {
    {Method::kSample, "Sample", New<v1::SampleRequest, v1::SampleResponse>},
    {Method::kScore, "Score", New<v1::ScoreRequest, v1::ScoreResponse>},
    {Method::kVerify, "Verify", New<v1::VerifyRequest, v1::VerifyResponse>},
    {Method::kDescribe, "Describe", New<v1::DescribeRequest, v1::DescribeResponse>},
};

void FillLimits(const Limits& from, const Regions* regions, v1::Limits& to) {
  to.set_max_message_bytes(from.max_message_bytes);
  to.set_max_row_count(from.max_row_count);
  to.set_max_vocab_size(from.max_vocab_size);
  to.set_max_listed_tokens(from.max_listed_tokens);
  to.set_max_calls_in_flight(from.max_calls_in_flight);
  to.set_max_calls_waiting(from.max_calls_waiting);
  to.set_max_streams(from.max_streams);
  to.set_max_connections(from.max_connections);
  if (regions == nullptr) return;
  to.set_max_regions(regions->options().max_regions);
  to.set_max_region_bytes(regions->options().max_region_bytes);
  *to.mutable_max_region_lease() = ToProto(regions->options().max_lease);
}

}  // namespace

grpc::ServerUnaryReactor* SamplerService::GetServerInfo(grpc::CallbackServerContext* context,
                                                        const v1::GetServerInfoRequest* request,
                                                        v1::GetServerInfoResponse* response) {
  const QuickCall call{Method::kGetServerInfo, *context, backend_};
  return Answer(call, *request, *response, [&] {
    Fill(*response);
    return absl::OkStatus();
  });
}

void SamplerService::Fill(v1::GetServerInfoResponse& info) const {
  info.set_version(BOLTZMANN_VERSION);
  info.set_instruction_set(std::string(core::NameOf(backend_.engine.instruction_set())));
  info.set_worker_count(backend_.engine.worker_count());
  FillLimits(backend_.limits, backend_.regions, *info.mutable_limits());
  for (const char* stage : core::StageNames()) info.add_stages(stage);
  for (const v1::DataType type :
       {v1::DATA_TYPE_FLOAT32, v1::DATA_TYPE_FLOAT16, v1::DATA_TYPE_BFLOAT16}) {
    info.add_data_types(type);
  }
  info.set_shared_memory_enabled(backend_.regions != nullptr);
  *info.mutable_counters() = backend_.counters.Read();
}

grpc::ServerGenericBidiReactor* RowMethods::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  absl::string_view name = context->method();
  if (absl::ConsumePrefix(&name, kPrefix)) {
    if (name == "StreamSample") return NewSampleStream(*context, backend_);
    for (const UnaryMethod& method : kMethods) {
      if (name != method.name) continue;
      return NewCall(method.method, method.name, method.new_work(), *context, backend_);
    }
  }
  CallMeter(backend_.metrics, Method::kOther).End(grpc::UNIMPLEMENTED);
  return grpc::CallbackGenericService::CreateReactor(context);  // UNIMPLEMENTED
}

}  // namespace boltzmann::server
