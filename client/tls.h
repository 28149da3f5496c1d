// Transport security of a connection.
#ifndef BOLTZMANN_CLIENT_TLS_H_
#define BOLTZMANN_CLIENT_TLS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "client/connection.h"

namespace grpc {
class ChannelCredentials;
}

namespace boltzmann::client {

// What a channel is made with: TLS if `options` has a `tls_ca_file`, else nothing that protects.
//
// The files are gRPC's to watch (FileWatcherCertificateProvider), not read once (SslCredentials):
// certificates of clients are often good for days only, and a program that runs for longer would
// else be locked out at its first new connection after that. It costs a thread for each client with
// TLS, which looks at its files once a second. What gRPC says of bad ones is a line in the log, if
// anything, so that they are checked here first.
//
// INVALID_ARGUMENT if options do not go together; FAILED_PRECONDITION if a file is no PEM, or a key
// is not that of its certificate; else an error of ReadCredentialFile.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> CredentialsFor(
    const ClientOptions& options);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_TLS_H_
