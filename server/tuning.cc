#include "server/tuning.h"

#include <malloc.h>

#include <chrono>
#include <limits>
#include <memory>
#include <vector>

#include "grpcpp/server_builder.h"

namespace boltzmann::server {
namespace {

// What the kernel is asked for at a time, in bytes.
constexpr int kReadChunk = 1 << 20;

// With TLS. Of more than eight slices, 64 KB each, gRPC 1.51 loses the list at the end of the
// handshake: half a kilobyte a connection.
constexpr int kReadChunkWithTls = 256 << 10;

// The most that glibc takes for M_MMAP_THRESHOLD, in bytes.
constexpr int kMostThreshold = 32 << 20;

// Metadata of one call, in bytes: gRPC's own default, said here because it is a limit.
constexpr int kMaxMetadataBytes = 8192;

// A connection without a call, for so long, is closed: its caller makes another when it needs one.
constexpr std::chrono::minutes kMaxIdle(5);

// From when a connection is accepted until TLS and HTTP/2 stand, however slowly its caller talks.
constexpr std::chrono::seconds kMaxHandshake(10);

// A connection on which nothing came for so long is asked whether its caller is still there.
constexpr std::chrono::seconds kPingAfter(60);
constexpr std::chrono::seconds kMaxPong(20);

int Ms(std::chrono::milliseconds time) { return static_cast<int>(time.count()); }

class NoPlugins final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* all) override {
    all->clear();
  }
};

constexpr int kNever = std::numeric_limits<int>::max();

}  // namespace

void KeepMemory() {
  mallopt(M_MMAP_THRESHOLD, kMostThreshold);
  mallopt(M_TRIM_THRESHOLD, kNever);
  mallopt(M_ARENA_MAX, 1);
}

void TuneSockets(bool tls, grpc::ServerBuilder& builder) {
  const int chunk = tls ? kReadChunkWithTls : kReadChunk;
  builder.AddChannelArgument("grpc.experimental.tcp_max_read_chunk_size", chunk);
  builder.AddChannelArgument("grpc.experimental.tcp_read_chunk_size", chunk);
  // What a call may send before it is received is then 64 KB, however fast the connection is.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
}

void BoundConnections(const Limits& limits, grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  // Besides what may wait, a call that runs, and the health of clients with several servers, who
  // watch it for as long as they are connected.
  builder.AddChannelArgument(
      GRPC_ARG_MAX_CONCURRENT_STREAMS,
      static_cast<int>(limits.max_calls_waiting + limits.max_streams + 2));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                             static_cast<int>(limits.max_connection_age.count()));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, Ms(kMaxIdle));
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, Ms(kMaxHandshake));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Ms(kPingAfter));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Ms(kMaxPong));
}

void LeavePluginsOut(grpc::ServerBuilder& builder) {
  builder.SetOption(std::make_unique<NoPlugins>());
}

}  // namespace boltzmann::server
