// StreamSample: one decode step after the other on one stream.
#ifndef BOLTZMANN_SERVER_STREAM_H_
#define BOLTZMANN_SERVER_STREAM_H_

#include "grpcpp/generic/async_generic_service.h"
#include "server/backend.h"

namespace boltzmann::server {

// The requests of one stream that are computed, or wait to be answered, at a time. Further
// ones are not read before one of these was answered, nor before the one read last has its turn.
// So a caller who does not read replies is held up by gRPC's flow control.
inline constexpr int kMaxStreamRequests = 16;

// Serves a stream. The reactor owns itself, and ends when gRPC is done with it.
grpc::ServerGenericBidiReactor* NewSampleStream(grpc::GenericCallbackServerContext& context,
                                                const Backend& backend);

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_STREAM_H_
