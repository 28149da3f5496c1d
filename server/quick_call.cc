#include "server/quick_call.h"

#include <optional>

#include "server/call_context.h"
#include "server/log.h"

namespace boltzmann::server {
namespace {

void LogRefusal(const grpc::CallbackServerContext& context, const absl::Status& status) {
  static LogLimiter limiter;
  const CallTrace trace = TraceOf(context);
  Log(limiter, LogLevel::info, "a call was refused",
      {{"status", absl::StatusCodeToString(status.code())},
       {"peer", context.peer()},
       {"request_id", trace.request_id},
       {"trace_id", trace.trace_id},
       {"span_id", trace.span_id},
       {"error", std::string(status.message())}});
}

}  // namespace

grpc::ServerUnaryReactor* Answer(const QuickCall& call,
                                 const google::protobuf::MessageLite& request,
                                 const google::protobuf::MessageLite& response,
                                 absl::FunctionRef<absl::Status()> fill) {
  std::optional<CallMeter> meter;
  if (!IsFromWithin(call.context)) meter.emplace(call.backend.metrics, call.method);
  EchoRequestId(call.context);
  absl::Status status = call.backend.access.Check(call.context);
  if (status.ok()) {
    status = fill();
  } else {
    LogRefusal(call.context, status);
  }
  if (meter.has_value()) {
    meter->Received(request.ByteSizeLong());
    if (status.ok()) meter->Sent(response.ByteSizeLong());
    meter->End(static_cast<int>(status.code()));
  }
  auto* reactor = call.context.DefaultReactor();
  reactor->Finish(ToGrpc(status, call.context));
  return reactor;
}

}  // namespace boltzmann::server
