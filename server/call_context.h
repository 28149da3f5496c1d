// What gRPC knows of a call.
#ifndef BOLTZMANN_SERVER_CALL_CONTEXT_H_
#define BOLTZMANN_SERVER_CALL_CONTEXT_H_

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "grpcpp/server_context.h"

namespace boltzmann::server {

// The caller's deadline on the clock that the engine knows; max() if there is none.
std::chrono::steady_clock::time_point SteadyDeadline(const grpc::CallbackServerContext& context);

// Whether the call comes from this process itself: from the heartbeat, or the explorer.
bool IsFromWithin(const grpc::ServerContextBase& context);

// Who calls, for fairness: the value of the metadata `boltzmann-caller`, else the connection.
std::string CallerOf(const grpc::CallbackServerContext& context);

// What a caller says of itself, for the log: empty where it does not.
struct CallTrace {
  std::string request_id = "";  // of the metadata `x-request-id`
  std::string trace_id = "";    // of `traceparent`, as W3C's Trace Context has it: 32 digits
  std::string span_id = "";    // likewise: 16 digits
};
CallTrace TraceOf(const grpc::CallbackServerContext& context);

// Sends the caller's `x-request-id` back with the end of the call, if it gave one.
void EchoRequestId(grpc::CallbackServerContext& context);

// The status as gRPC sends it, and beside it, in the trailing metadata, when to try again.
grpc::Status ToGrpc(const absl::Status& status, grpc::CallbackServerContext& context);

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_CALL_CONTEXT_H_
