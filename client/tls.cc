#include "client/tls.h"

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "client/credential_file.h"
#include "client/target.h"

namespace boltzmann::client {
namespace {

constexpr unsigned kSecondsBetweenLooks = 1;

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;

absl::Status CheckTogether(const ClientOptions& options) {
  const bool has_certificate = !options.tls_cert_file.empty();
  if (has_certificate != !options.tls_key_file.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        has_certificate ? "tls_key_file" : "tls_cert_file", ": is needed beside ",
        has_certificate ? "tls_cert_file" : "tls_key_file", ": give both, or neither"));
  }
  if (options.tls_ca_file.empty() && (has_certificate || !options.tls_server_name.empty())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tls_ca_file: is needed beside ", has_certificate ? "tls_cert_file" : "tls_server_name",
        ": name the certificates by which the server is known, or leave TLS out"));
  }
  if (!options.tls_ca_file.empty() && IsUnixSocket(options.target)) {
    return absl::InvalidArgumentError(
        absl::StrCat("tls_ca_file: ", options.target,
                     " speaks no TLS, since no other host can reach it: leave the tls_ options out "
                     "there"));
  }
  if (!options.tls_ca_file.empty() && options.tls_server_name.empty() &&
      CountServers(options.target) == ServerCount::kSeveral) {
    return absl::InvalidArgumentError(
        "tls_server_name: is needed for a list of servers: name what all their certificates have");
  }
  return absl::OkStatus();
}

Bio Reader(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Nobody is asked for a passphrase.
int NoPassphrase(char*, int, int, void*) { return -1; }

Certificate FirstCertificate(const std::string& text) {
  return Certificate(PEM_read_bio_X509(Reader(text).get(), nullptr, NoPassphrase, nullptr));
}

Key PrivateKey(const std::string& text) {
  return Key(PEM_read_bio_PrivateKey(Reader(text).get(), nullptr, NoPassphrase, nullptr));
}

absl::Status NotPem(const char* option, const std::string& path, const char* what) {
  ERR_clear_error();
  return absl::FailedPreconditionError(absl::StrCat(option, ": ", path, " has no ", what));
}

absl::StatusOr<Certificate> ReadCertificate(const char* option, const std::string& path) {
  const auto file = ReadCredentialFile(option, path);
  if (!file.ok()) return file.status();
  Certificate certificate = FirstCertificate(file->content);
  if (certificate != nullptr) return certificate;
  return NotPem(option, path,
                "certificate in PEM that could be read (-----BEGIN CERTIFICATE-----)");
}

absl::StatusOr<Key> ReadKey(const std::string& path) {
  const auto file = ReadCredentialFile("tls_key_file", path);
  if (!file.ok()) return file.status();
  Key key = PrivateKey(file->content);
  if (key != nullptr) return key;
  return NotPem("tls_key_file", path,
                "private key in PEM that could be read without a passphrase "
                "(-----BEGIN PRIVATE KEY-----)");
}

absl::Status CheckFiles(const ClientOptions& options) {
  const auto authority = ReadCertificate("tls_ca_file", options.tls_ca_file);
  if (!authority.ok()) return authority.status();
  if (options.tls_cert_file.empty()) return absl::OkStatus();
  const auto certificate = ReadCertificate("tls_cert_file", options.tls_cert_file);
  if (!certificate.ok()) return certificate.status();
  const auto key = ReadKey(options.tls_key_file);
  if (!key.ok()) return key.status();
  if (X509_check_private_key(certificate->get(), key->get()) == 1) return absl::OkStatus();
  ERR_clear_error();
  return absl::FailedPreconditionError(absl::StrCat("tls_key_file: ", options.tls_key_file,
                                                    " is not the key of the certificate in ",
                                                    options.tls_cert_file));
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> CredentialsFor(
    const ClientOptions& options) {
  if (absl::Status status = CheckTogether(options); !status.ok()) return status;
  if (options.tls_ca_file.empty()) return grpc::InsecureChannelCredentials();
  if (absl::Status status = CheckFiles(options); !status.ok()) return status;
  grpc::experimental::TlsChannelCredentialsOptions tls;
  tls.set_certificate_provider(std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      options.tls_key_file, options.tls_cert_file, options.tls_ca_file, kSecondsBetweenLooks));
  tls.watch_root_certs();
  if (!options.tls_cert_file.empty()) tls.watch_identity_key_cert_pairs();
  return grpc::experimental::TlsCredentials(tls);
}

}  // namespace boltzmann::client
