#include "server/tls.h"

#include <fcntl.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "server/log.h"

namespace boltzmann::server {
namespace {

using grpc::experimental::FileWatcherCertificateProvider;
using std::chrono::system_clock;

// How often gRPC looks at the copies, in seconds.
constexpr unsigned kLookEvery = 1;

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, FreeContext>;

absl::Status CheckOptions(const TlsOptions& options) {
  if (options.cert_file.empty() != options.key_file.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        options.cert_file.empty() ? "tls_cert_file" : "tls_key_file",
        ": is not given: TLS needs a certificate and its key, --tls_cert_file and --tls_key_file"));
  }
  if (options.on() || options.client_ca_file.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "tls_client_ca_file: callers' certificates need TLS: give --tls_cert_file and "
      "--tls_key_file");
}

// What OpenSSL's last call found wrong with a file.
absl::Status BadFile(const char* option, const std::string& file) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  const std::string why = reason == nullptr ? "is none of PEM" : reason;
  ERR_clear_error();
  return absl::InvalidArgumentError(absl::StrCat(option, ": ", file, ": ", why));
}

std::string PathOf(int descriptor) { return absl::StrCat("/proc/self/fd/", descriptor); }

// When the certificate that the context has ends.
system_clock::time_point ExpiryOf(const SSL_CTX& context) {
  std::tm ends = {};
  ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(&context)), &ends);
  return system_clock::from_time_t(timegm(&ends));
}

}  // namespace

// A file in memory.
class Tls::Copy {
 public:
  explicit Copy(const std::string& content) : descriptor_(memfd_create("tls", MFD_CLOEXEC)) {
    // What could not be written is found to be no certificate.
    if (write(descriptor_, content.data(), content.size()) < 0) return;
  }
  Copy(const Copy&) = delete;
  ~Copy() {
    if (descriptor_ >= 0) close(descriptor_);
  }

  std::string path() const { return PathOf(descriptor_); }

  // Puts it in the place of the copy `place`, whose number stays: who opens its path, finds this one
  // from now on.
  void MoveTo(int& place) {
    if (place < 0) {
      place = std::exchange(descriptor_, -1);
    } else {
      dup3(descriptor_, place, O_CLOEXEC);
    }
  }

 private:
  int descriptor_;
};

absl::StatusOr<std::unique_ptr<Tls>> Tls::Open(const TlsOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  std::unique_ptr<Tls> tls(options.on() ? new Tls(options) : nullptr);
  if (tls == nullptr) return tls;
  tls->versions_ = tls->Versions();
  if (absl::Status status = tls->Read(); !status.ok()) return status;
  return tls;
}

Tls::~Tls() {
  for (const int copy : {identity_, client_ca_}) {
    if (copy >= 0) close(copy);
  }
}

std::shared_ptr<grpc::ServerCredentials> Tls::Credentials() const {
  const std::string identity = PathOf(identity_);
  const std::string client_ca = client_ca_ < 0 ? "" : PathOf(client_ca_);
  grpc::experimental::TlsServerCredentialsOptions tls(
      std::make_shared<FileWatcherCertificateProvider>(identity, identity, client_ca, kLookEvery));
  tls.watch_identity_key_cert_pairs();
  if (!client_ca.empty()) {
    tls.watch_root_certs();
    tls.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(tls);
}

std::vector<FileVersion> Tls::Versions() const {
  return {VersionOf(options_.cert_file), VersionOf(options_.key_file),
          VersionOf(options_.client_ca_file)};
}

void Tls::Tidy() {
  std::vector<FileVersion> versions = Versions();
  if (versions == versions_) return;
  versions_ = std::move(versions);
  if (const absl::Status status = Read(); status.ok()) {
    Log(LogLevel::info, "certificates were read again", {{"file", options_.cert_file}});
  } else {
    Log(LogLevel::warn, "certificates could not be read again: the old ones stay",
        {{"error", std::string(status.message())}});
  }
}

absl::Status Tls::Read() {
  const absl::StatusOr<std::string> cert = ReadFile("tls_cert_file", options_.cert_file);
  if (!cert.ok()) return cert.status();
  const absl::StatusOr<std::string> key = ReadFile("tls_key_file", options_.key_file);
  if (!key.ok()) return key.status();
  const bool has_client_ca = !options_.client_ca_file.empty();
  absl::StatusOr<std::string> client_ca("");
  if (has_client_ca) client_ca = ReadFile("tls_client_ca_file", options_.client_ca_file);
  if (!client_ca.ok()) return client_ca.status();
  Copy identity(absl::StrCat(*cert, "\n", *key));
  Copy authority(*client_ca);
  if (absl::Status status = Check(identity, authority); !status.ok()) return status;
  identity.MoveTo(identity_);
  if (has_client_ca) authority.MoveTo(client_ca_);
  return absl::OkStatus();
}

absl::Status Tls::Check(const Copy& identity, const Copy& client_ca) {
  const Context context(SSL_CTX_new(TLS_server_method()));
  const std::string path = identity.path();
  if (SSL_CTX_use_certificate_chain_file(context.get(), path.c_str()) != 1)
    return BadFile("tls_cert_file", options_.cert_file);
  if (SSL_CTX_use_PrivateKey_file(context.get(), path.c_str(), SSL_FILETYPE_PEM) != 1)
    return BadFile("tls_key_file", options_.key_file);
  if (!options_.client_ca_file.empty() &&
      SSL_CTX_load_verify_locations(context.get(), client_ca.path().c_str(), nullptr) != 1)
    return BadFile("tls_client_ca_file", options_.client_ca_file);
  expiry_ = ExpiryOf(*context);
  return absl::OkStatus();
}

}  // namespace boltzmann::server
