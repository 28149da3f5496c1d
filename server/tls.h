// TLS, by files that may be replaced while the server runs.
#ifndef BOLTZMANN_SERVER_TLS_H_
#define BOLTZMANN_SERVER_TLS_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace grpc {
class ServerCredentials;
}  // namespace grpc

namespace boltzmann::server {

// Files of PEM.
struct TlsOptions {
  std::string cert_file;  // the server's certificate, then those that vouch for it. Empty: no TLS
  std::string key_file;   // its private key

  // Who signs callers' certificates: then a caller needs one. Empty: callers need none.
  std::string client_ca_file;

  bool on() const { return !cert_file.empty(); }
};

// INVALID_ARGUMENT, naming the file, if one is missing, cannot be read or is none of PEM, or the
// key is another certificate's.
absl::Status CheckTls(const TlsOptions& options);

// TLS 1.2 or later. Files that have changed are taken for new connections within a few seconds.
// REQUIRES: TLS is on, and CheckTls found no fault.
std::shared_ptr<grpc::ServerCredentials> CredentialsFor(const TlsOptions& options);

// When the certificate in the file ends; nothing if there is none.
std::optional<std::chrono::system_clock::time_point> ExpiryOf(const std::string& cert_file);

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_TLS_H_
