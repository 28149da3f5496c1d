// How a client reaches its server, and what its calls have in common.
#ifndef BOLTZMANN_CLIENT_CONNECTION_H_
#define BOLTZMANN_CLIENT_CONNECTION_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace grpc {
class ChannelInterface;
class ClientContext;
}  // namespace grpc

namespace boltzmann::client {

struct ClientOptions {
  // Where the server listens: "127.0.0.1:50051", "unix:/run/boltzmann.sock", or any other gRPC
  // target. Not empty.
  std::string target = "127.0.0.1:50051";

  // What one call may take, its retries included. Positive and finite: no call is ever made
  // without a deadline. Raise it for very large batches.
  absl::Duration timeout = absl::Seconds(10);

  // How many times a call is tried while the answer is UNAVAILABLE, or RESOURCE_EXHAUSTED where a
  // retry can help. From 1, no retry, to 5, which is gRPC's own limit. The pauses are what the
  // server asks for, else random, below 50 ms at first and twice that each time.
  int max_attempts = 3;

  // Whether the client has a connection that it shares with no other. Clients of one target share
  // one by default, as gRPC has it.
  bool own_connection = false;

  // Who calls, to a server that shares itself out fairly: all clients with the same value are one
  // caller. Up to 128 visible ASCII characters; empty means a random one, this client's own. Set it
  // where several clients are one caller.
  std::string caller = "";
};

// The channel that calls go over, and what each of them carries. Copies share the channel.
struct Connection {
  std::shared_ptr<grpc::ChannelInterface> channel;

  // What one call, or one wait on a stream, may take. Positive and finite.
  absl::Duration timeout;

  // The value of the metadata `boltzmann-caller`.
  std::string caller;
};

// A connection with a channel of its own: without TLS, never through an HTTP proxy, with replies of
// any size. INVALID_ARGUMENT if an option is out of its range.
absl::StatusOr<Connection> Connect(const ClientOptions& options);

// A connection over `channel`. `timeout` and `caller` as in ClientOptions.
absl::StatusOr<Connection> ConnectOver(std::shared_ptr<grpc::ChannelInterface> channel,
                                       absl::Duration timeout, const std::string& caller);

// Adds to a call what every call carries. Not the deadline: streams have none as a whole.
void Prepare(const Connection& connection, grpc::ClientContext& context);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_CONNECTION_H_
