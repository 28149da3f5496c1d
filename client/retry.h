// Whether and when a unary call is tried again.
#ifndef BOLTZMANN_CLIENT_RETRY_H_
#define BOLTZMANN_CLIENT_RETRY_H_

#include <optional>

#include "absl/time/time.h"

namespace grpc {
class ClientContext;
class Status;
}  // namespace grpc

namespace boltzmann::client {

// How long to wait after the attempt with this number (from 1) has failed; nothing if another is of
// no use. UNAVAILABLE, RESOURCE_EXHAUSTED and CANCELLED are tried again: after the pause that the
// server asks for in the metadata `grpc-retry-pushback-ms`, not at all if that is negative, and
// without it after a random pause, below 50 ms at first and twice that each time, up to 1 s.
//
// CANCELLED, because the client itself never cancels a unary call: a server that stops has cut it
// off. gRPC's servers do so even when they drain, to calls that arrive in the moment of the
// shutdown.
//
// gRPC's own retries leave out what breaks once the first byte of an answer has come, as of a
// server that is killed while it sends a long one. No call here does harm if it is made
// twice, and with its seeds in the request its answer is the same bits: they are tried again then
// too. `context` is that of the attempt. Any thread.
std::optional<absl::Duration> PauseBeforeRetry(int attempt, const grpc::Status& status,
                                               const grpc::ClientContext& context);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_RETRY_H_
