// StreamSample: one decode step after the other on one stream.
#ifndef BOLTZMANN_SERVER_STREAM_H_
#define BOLTZMANN_SERVER_STREAM_H_

#include <chrono>

#include "core/engine.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/admission.h"
#include "server/limits.h"

namespace boltzmann::server {

// The requests of one stream that are computed, or wait to be answered, at a time. Further
// ones are not read before one of these was answered, so that a caller who does not read
// replies is held up by gRPC's flow control.
inline constexpr int kMaxStreamRequests = 16;

// Starts to serve a stream. The reactor owns itself. The caller's references must outlive it.
grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* NewSampleStream(
    const grpc::CallbackServerContext& context, std::chrono::steady_clock::time_point deadline,
    const Limits& limits, core::Engine& engine, Admission& admission);

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_STREAM_H_
