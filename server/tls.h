// TLS, by files that may be replaced while the server runs.
#ifndef BOLTZMANN_SERVER_TLS_H_
#define BOLTZMANN_SERVER_TLS_H_

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/file_version.h"

namespace grpc {
class ServerCredentials;
}  // namespace grpc

namespace boltzmann::server {

// Files of PEM.
struct TlsOptions {
  std::string cert_file = "";  // the server's certificate, then those that vouch for it. Empty: no TLS
  std::string key_file = "";   // its private key

  // Who signs callers' certificates: then a caller needs one. Empty: callers need none.
  std::string client_ca_file = "";

  bool on() const { return !cert_file.empty(); }
};

// What the files hold. gRPC watches copies of them, in memory, which are replaced only by what has
// been found to be good: files that are being written, or do not fit together, harm no connection.
class Tls {
 public:
  // nullptr if TLS is off. INVALID_ARGUMENT, naming the file, if one is missing, cannot be read or
  // is none of PEM, or the key is another certificate's.
  static absl::StatusOr<std::unique_ptr<Tls>> Open(const TlsOptions& options);
  ~Tls();

  // TLS 1.2 or later, with what the files hold when a connection comes, give or take two seconds.
  std::shared_ptr<grpc::ServerCredentials> Credentials() const;

  // Reads files that have changed. If they are of no use, the log says why and all stays as it is.
  // From one thread at a time.
  void Tidy();

  // When the server's certificate ends. Thread-safe.
  std::chrono::system_clock::time_point expiry() const { return expiry_; }

 private:
  class Copy;

  explicit Tls(const TlsOptions& options) : options_(options) {}
  std::vector<FileVersion> Versions() const;
  // Takes what the files hold, if it is good.
  absl::Status Read();
  absl::Status Check(const Copy& identity, const Copy& client_ca);

  const TlsOptions options_;
  std::vector<FileVersion> versions_;  // of what was read last, good or not
  // Files in memory, of descriptors that stay the same: the certificate with its key, so that both
  // change at once; and the callers' authority.
  int identity_ = -1;
  int client_ca_ = -1;
  std::atomic<std::chrono::system_clock::time_point> expiry_{};
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_TLS_H_
