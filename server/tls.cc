#include "server/tls.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdio>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"

namespace boltzmann::server {
namespace {

using grpc::experimental::FileWatcherCertificateProvider;

// How often files are looked at, in seconds.
constexpr unsigned kLookEvery = 1;

template <typename T, void (*Free)(T*)>
struct Freer {
  void operator()(T* object) const { Free(object); }
};
using Context = std::unique_ptr<SSL_CTX, Freer<SSL_CTX, SSL_CTX_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509, X509_free>>;

// Why OpenSSL's last call failed.
std::string LastError() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  std::string text = reason == nullptr ? "is none of PEM" : reason;
  ERR_clear_error();
  return text;
}

absl::Status BadFile(const char* option, const std::string& file) {
  return absl::InvalidArgumentError(absl::StrCat(option, ": ", file, ": ", LastError()));
}

}  // namespace

absl::Status CheckTls(const TlsOptions& options) {
  if (options.cert_file.empty() != options.key_file.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        options.cert_file.empty() ? "tls_cert_file" : "tls_key_file",
        ": is not given: TLS needs a certificate and its key, --tls_cert_file and --tls_key_file"));
  }
  if (!options.on() && !options.client_ca_file.empty()) {
    return absl::InvalidArgumentError(
        "tls_client_ca_file: callers' certificates need TLS: give --tls_cert_file and "
        "--tls_key_file");
  }
  if (!options.on()) return absl::OkStatus();
  const Context context(SSL_CTX_new(TLS_server_method()));
  if (SSL_CTX_use_certificate_chain_file(context.get(), options.cert_file.c_str()) != 1)
    return BadFile("tls_cert_file", options.cert_file);
  const char* key_file = options.key_file.c_str();
  if (SSL_CTX_use_PrivateKey_file(context.get(), key_file, SSL_FILETYPE_PEM) != 1)
    return BadFile("tls_key_file", options.key_file);
  const bool has_client_ca = !options.client_ca_file.empty();
  if (has_client_ca && SSL_CTX_load_verify_locations(context.get(), options.client_ca_file.c_str(),
                                                     nullptr) != 1)
    return BadFile("tls_client_ca_file", options.client_ca_file);
  return absl::OkStatus();
}

std::shared_ptr<grpc::ServerCredentials> CredentialsFor(const TlsOptions& options) {
  const bool has_client_ca = !options.client_ca_file.empty();
  grpc::experimental::TlsServerCredentialsOptions tls(
      std::make_shared<FileWatcherCertificateProvider>(options.key_file, options.cert_file,
                                                       options.client_ca_file, kLookEvery));
  tls.watch_identity_key_cert_pairs();
  if (has_client_ca) {
    tls.watch_root_certs();
    tls.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(tls);
}

std::optional<std::chrono::system_clock::time_point> ExpiryOf(const std::string& cert_file) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(cert_file.c_str(), "re"), std::fclose);
  if (file == nullptr) return std::nullopt;
  const Certificate certificate(PEM_read_X509(file.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  std::tm ends = {};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &ends) != 1)
    return std::nullopt;
  return std::chrono::system_clock::from_time_t(timegm(&ends));
}

}  // namespace boltzmann::server
