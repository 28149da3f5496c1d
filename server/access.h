// Who may call.
#ifndef BOLTZMANN_SERVER_ACCESS_H_
#define BOLTZMANN_SERVER_ACCESS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/mutex.h"
#include "server/file_version.h"

namespace grpc {
class ServerContextBase;
}  // namespace grpc

namespace boltzmann::server {

struct AccessOptions {
  // A file of bearer tokens, one a line; what begins with # is none. A call then needs the metadata
  // `authorization: Bearer TOKEN` with one of them. Empty: no call does.
  std::string token_file = "";

  // Of callers with a certificate, those who may call: a DNS or URI name of theirs, or, if they have
  // neither, their common name. Empty: everybody whose certificate is good.
  std::vector<std::string> allowed_clients = {};
};

// Says of each call whether it may be made. Calls from within the process may. Thread-safe.
class Access {
 public:
  // INVALID_ARGUMENT, naming the file and the line, if the tokens cannot be read, or are none.
  static absl::StatusOr<std::unique_ptr<Access>> Open(const AccessOptions& options);

  // Whether it depends on the call.
  bool asks() const { return !options_.token_file.empty() || !options_.allowed_clients.empty(); }

  // UNAUTHENTICATED without a token that is good; PERMISSION_DENIED for a certificate that is not
  // allowed. Tokens are compared in a time that does not depend on them.
  absl::Status Check(const grpc::ServerContextBase& context) const;

  // Reads the tokens again if their file has changed. If it is of no use, the old ones stay, and the
  // log says why. From one thread at a time.
  void Tidy();

 private:
  using Digest = std::array<uint8_t, 32>;

  explicit Access(const AccessOptions& options) : options_(options) {}
  absl::Status ReadTokens();
  absl::Status CheckToken(const grpc::ServerContextBase& context) const;
  absl::Status CheckClient(const grpc::ServerContextBase& context) const;
  static Digest DigestOf(std::string_view token);

  const AccessOptions options_;
  FileVersion version_;  // of what was read last, good or not
  mutable core::Mutex mutex_;
  std::vector<Digest> tokens_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_ACCESS_H_
