#include "server/tuning.h"

#include <malloc.h>

#include <limits>

#include "grpcpp/server_builder.h"

namespace boltzmann::server {
namespace {

// What the kernel is asked for at a time, in bytes.
constexpr int kReadChunk = 1 << 20;

// The most that glibc takes for M_MMAP_THRESHOLD, in bytes.
constexpr int kMostThreshold = 32 << 20;

constexpr int kNever = std::numeric_limits<int>::max();

}  // namespace

void KeepMemory() {
  mallopt(M_MMAP_THRESHOLD, kMostThreshold);
  mallopt(M_TRIM_THRESHOLD, kNever);
  mallopt(M_ARENA_MAX, 1);
}

void TuneSockets(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument("grpc.experimental.tcp_max_read_chunk_size", kReadChunk);
  builder.AddChannelArgument("grpc.experimental.tcp_read_chunk_size", kReadChunk);
  // What a call may send before it is received is then 64 KB, however fast the connection is.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
}

}  // namespace boltzmann::server
