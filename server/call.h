// Unary calls.
#ifndef BOLTZMANN_SERVER_CALL_H_
#define BOLTZMANN_SERVER_CALL_H_

#include <memory>

#include "grpcpp/generic/async_generic_service.h"
#include "server/backend.h"
#include "server/call_context.h"
#include "server/work.h"

namespace boltzmann::server {

// Serves a call of one request and one reply. It owns itself, and ends when gRPC is done with it.
// `name` is the method's in the log.
// It is served as a stream of one message, since only so can it be
// left to wait before its request is received.
grpc::ServerGenericBidiReactor* NewCall(Method method, const char* name,
                                        std::unique_ptr<Work> work,
                                        grpc::GenericCallbackServerContext& context,
                                        const Backend& backend);

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_CALL_H_
