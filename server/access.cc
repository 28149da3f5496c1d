#include "server/access.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "grpc/grpc_security_constants.h"
#include "grpcpp/security/auth_context.h"
#include "grpcpp/server_context.h"
#include "server/call_context.h"
#include "server/log.h"

namespace boltzmann::server {
namespace {

constexpr char kScheme[] = "bearer ";

absl::Status BadFile(const std::string& file, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("token_file: ", file, ": ", why));
}

// The token of an authorization header, if it has one.
std::optional<std::string_view> TokenOf(const grpc::ServerContextBase& context) {
  const auto found = context.client_metadata().find("authorization");
  if (found == context.client_metadata().end()) return std::nullopt;
  const std::string_view value(found->second.data(), found->second.size());
  const size_t scheme = sizeof(kScheme) - 1;
  if (!absl::StartsWithIgnoreCase({value.data(), value.size()}, kScheme)) return std::nullopt;
  return value.substr(scheme);
}

// Every name that a caller's certificate bears, of those by which callers are known.
std::vector<std::string> NamesOf(const grpc::AuthContext& peer) {
  std::vector<std::string> names;
  for (const char* property : {GRPC_PEER_DNS_PROPERTY_NAME, GRPC_PEER_URI_PROPERTY_NAME}) {
    for (const grpc::string_ref& name : peer.FindPropertyValues(property))
      names.emplace_back(name.data(), name.size());
  }
  if (!names.empty()) return names;
  for (const grpc::string_ref& name : peer.FindPropertyValues(GRPC_X509_CN_PROPERTY_NAME))
    names.emplace_back(name.data(), name.size());
  return names;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Access>> Access::Open(const AccessOptions& options) {
  std::unique_ptr<Access> access(new Access(options));
  if (!options.token_file.empty()) {
    access->version_ = VersionOf(options.token_file);
    if (absl::Status status = access->ReadTokens(); !status.ok()) return status;
  }
  return access;
}

absl::Status Access::Check(const grpc::ServerContextBase& context) const {
  if (!asks() || IsFromWithin(context)) return absl::OkStatus();
  if (absl::Status status = CheckClient(context); !status.ok()) return status;
  return CheckToken(context);
}

absl::Status Access::CheckToken(const grpc::ServerContextBase& context) const {
  if (options_.token_file.empty()) return absl::OkStatus();
  const std::optional<std::string_view> token = TokenOf(context);
  if (!token) {
    return absl::UnauthenticatedError(
        "authorization: a bearer token is missing: send the metadata 'authorization: Bearer "
        "TOKEN'");
  }
  const Digest digest = DigestOf(*token);
  bool found = false;
  core::MutexLock lock(mutex_);
  for (const Digest& good : tokens_)  // all of them, so that the time tells nothing
    found |= CRYPTO_memcmp(good.data(), digest.data(), digest.size()) == 0;
  if (found) return absl::OkStatus();
  return absl::UnauthenticatedError(
      "authorization: the bearer token is none of this server's: is it out of date?");
}

absl::Status Access::CheckClient(const grpc::ServerContextBase& context) const {
  if (options_.allowed_clients.empty()) return absl::OkStatus();
  const auto peer = context.auth_context();
  // Who comes by a Unix socket has no certificate: the socket's permissions let him in.
  if (peer == nullptr || !peer->IsPeerAuthenticated()) return absl::OkStatus();
  const std::vector<std::string> names = NamesOf(*peer);
  const auto is_allowed = [this](const std::string& name) {
    const std::vector<std::string>& allowed = options_.allowed_clients;
    return std::find(allowed.begin(), allowed.end(), name) != allowed.end();
  };
  if (std::any_of(names.begin(), names.end(), is_allowed)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("the certificate of ", names.empty() ? "nobody" : absl::StrJoin(names, ", "),
                   " is good, but this server's --tls_allowed_clients does not name it"));
}

void Access::Tidy() {
  if (options_.token_file.empty()) return;
  const Version version = VersionOf(options_.token_file);
  if (version == version_) return;
  version_ = version;
  const absl::Status status = ReadTokens();
  if (status.ok()) {
    Log(LogLevel::info, "tokens were read again", {{"file", options_.token_file}});
  } else {
    Log(LogLevel::warn, "tokens could not be read again: the old ones stay",
        {{"error", std::string(status.message())}});
  }
}

absl::Status Access::ReadTokens() {
  std::ifstream file(options_.token_file);
  if (!file) return BadFile(options_.token_file, std::strerror(errno));
  std::vector<Digest> tokens;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const absl::string_view token = absl::StripAsciiWhitespace(line);
    if (token.empty() || token.front() == '#') continue;
    if (!std::all_of(token.begin(), token.end(), absl::ascii_isgraph)) {
      return BadFile(options_.token_file,
                     absl::StrCat("line ", number, " is no token: visible ASCII, without spaces"));
    }
    tokens.push_back(DigestOf({token.data(), token.size()}));
  }
  if (file.bad()) return BadFile(options_.token_file, "cannot be read");
  if (tokens.empty()) return BadFile(options_.token_file, "holds no token: one a line");
  core::MutexLock lock(mutex_);
  tokens_ = std::move(tokens);
  return absl::OkStatus();
}

Access::Version Access::VersionOf(const std::string& file) {
  struct stat found;
  if (stat(file.c_str(), &found) != 0) return {};
  constexpr int64_t kNanoseconds = 1'000'000'000;
  return {found.st_dev, found.st_ino, found.st_size,
          found.st_mtim.tv_sec * kNanoseconds + found.st_mtim.tv_nsec};
}

Access::Digest Access::DigestOf(std::string_view token) {
  Digest digest;
  SHA256(reinterpret_cast<const uint8_t*>(token.data()), token.size(), digest.data());
  return digest;
}

}  // namespace boltzmann::server
