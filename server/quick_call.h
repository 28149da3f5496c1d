// Calls that are answered at once, on gRPC's thread: those that compute no rows.
#ifndef BOLTZMANN_SERVER_QUICK_CALL_H_
#define BOLTZMANN_SERVER_QUICK_CALL_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/server_context.h"
#include "server/backend.h"

namespace boltzmann::server {

// What is called, and by whom.
struct QuickCall {
  Method method;
  grpc::CallbackServerContext& context;
  const Backend& backend;
};

// Serves a call if its caller may make it: `fill` fills `response`, or says why it cannot. A few
// system calls at most. What this process asks itself is not measured.
grpc::ServerUnaryReactor* Answer(const QuickCall& call,
                                 const google::protobuf::MessageLite& request,
                                 const google::protobuf::MessageLite& response,
                                 absl::FunctionRef<absl::Status()> fill);

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_QUICK_CALL_H_
