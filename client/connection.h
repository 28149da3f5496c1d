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
class Status;
}  // namespace grpc

namespace boltzmann::client {

class TokenFile;

struct ClientOptions {
  // Where the server listens: "127.0.0.1:50051", "unix:/run/boltzmann.sock", or any other gRPC
  // target. Not empty. Of several servers ("ipv4:10.0.0.1:50051,10.0.0.2:50051", or a name that
  // DNS has several addresses for) each gets every so manieth call; one that cannot be reached, or
  // whose health service says that it drains, gets none until it is back.
  std::string target = "127.0.0.1:50051";

  // What one call may take, its retries included. Positive and finite: no call is ever made
  // without a deadline. Raise it for very large batches.
  absl::Duration timeout = absl::Seconds(10);

  // How many times a call is tried while the answer is UNAVAILABLE, or CANCELLED by the server, or
  // RESOURCE_EXHAUSTED where a retry can help. From 1, no retry, to 5, which is gRPC's own limit
  // for streams. The pauses are what the server asks for, else random, below 50 ms at first and
  // twice that each time.
  int max_attempts = 3;

  // Whether the client has a connection that it shares with no other. Clients of one target share
  // one by default, as gRPC has it; never with TLS.
  bool own_connection = false;

  // The certificates of the authorities (PEM, one file) by which a server is known. Given, TCP
  // connections speak TLS only. "" speaks plainly. The system's own are in
  // /etc/ssl/certs/ca-certificates.crt. Not for Unix sockets. This file and the next two are looked
  // at once a second: what is new there counts from the next connection on.
  std::string tls_ca_file = "";

  // The certificate (PEM, with those of authorities in between, if any) by which the client is
  // known to a server that asks for one, and its private key (PEM, without passphrase). Both, or
  // neither; with `tls_ca_file`.
  std::string tls_cert_file = "";
  std::string tls_key_file = "";

  // The name that must stand in the server's certificate, where it is not the host of the target:
  // needed for a list of addresses. With `tls_ca_file`.
  std::string tls_server_name = "";

  // A file with a bearer token, which goes with every call, as the metadata `authorization: Bearer
  // TOKEN`: the first line that is neither empty nor a comment (#). What is new there is used
  // within a second. Needs TLS, a Unix socket or a loopback address, since anybody on the way could
  // read and use it else. "" sends none.
  std::string token_file = "";

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

  // How many times a unary call is tried.
  int max_attempts = 1;

  // Whether the target lists several servers. False for a name, whatever DNS makes of it.
  bool lists_several_servers = false;

  // What the metadata `authorization` is made of; null for a connection without.
  std::shared_ptr<TokenFile> token_file = nullptr;
};

// A connection with a channel of its own: never through an HTTP proxy, with replies of any size.
// INVALID_ARGUMENT if an option is out of its range or does not go with another; the errors of
// CredentialsFor (tls.h) and TokenFile::Open for the files.
absl::StatusOr<Connection> Connect(const ClientOptions& options);

// A connection over `channel`, whose calls are tried once, beyond what the channel itself does.
// `timeout` and `caller` as in ClientOptions.
absl::StatusOr<Connection> ConnectOver(std::shared_ptr<grpc::ChannelInterface> channel,
                                       absl::Duration timeout, const std::string& caller);

// Adds to a call what every call carries. Not the deadline: streams have none as a whole.
void Prepare(const Connection& connection, grpc::ClientContext& context);

// What a call ended with, as ToAbslStatus has it. UNAUTHENTICATED says besides if the token may be
// an old one, because its file could not be read again.
absl::Status StatusOf(const Connection& connection, const grpc::Status& status);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_CONNECTION_H_
