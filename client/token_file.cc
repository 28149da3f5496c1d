#include "client/token_file.h"

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"

namespace boltzmann::client {
namespace {

constexpr char kOption[] = "token_file";
constexpr absl::Duration kBetweenLooks = absl::Seconds(1);

// With the rest of a call's metadata it must fit into 8 KiB, which is all that many servers take.
constexpr size_t kMostCharacters = 4096;

absl::Status Unusable(const std::string& path, int line, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat(kOption, ": ", path, ", line ", line, ": ", why,
                                                    ": give one token, as its issuer wrote it"));
}

absl::StatusOr<std::string> TokenIn(const std::string& path, const std::string& content) {
  int number = 0;
  for (absl::string_view line : absl::StrSplit(content, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    if (line.size() > kMostCharacters) {
      return Unusable(path, number, "the token has more than 4096 characters");
    }
    if (!std::all_of(line.begin(), line.end(), absl::ascii_isgraph)) {
      return Unusable(path, number, "the token has spaces, or is not visible ASCII");
    }
    return std::string(line);
  }
  return absl::FailedPreconditionError(
      absl::StrCat(kOption, ": ", path, " has no token: write it on a line of its own"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<TokenFile>> TokenFile::Open(const std::string& path) {
  const absl::StatusOr<CredentialFile> file = ReadCredentialFile(kOption, path);
  if (!file.ok()) return file.status();
  const absl::StatusOr<std::string> token = TokenIn(path, file->content);
  if (!token.ok()) return token.status();
  return absl::WrapUnique(new TokenFile(path, *file, *token));
}

TokenFile::TokenFile(const std::string& path, const CredentialFile& file, const std::string& token)
    : path_(path), token_(token), stamp_(file.stamp), looked_at_(absl::Now()) {}

std::string TokenFile::Get() {
  MutexLock lock(mutex_);
  const absl::Time now = absl::Now();
  // A clock that was set back must not keep the file from being looked at.
  if (now >= looked_at_ + kBetweenLooks || now < looked_at_) {
    looked_at_ = now;
    LookAgain();
  }
  return token_;
}

absl::Status TokenFile::status() {
  MutexLock lock(mutex_);
  return status_;
}

void TokenFile::LookAgain() {
  if (status_.ok() && StampOf(path_) == stamp_) return;
  const absl::StatusOr<CredentialFile> file = ReadCredentialFile(kOption, path_);
  absl::StatusOr<std::string> token =
      file.ok() ? TokenIn(path_, file->content) : absl::StatusOr<std::string>(file.status());
  status_ = token.status();
  if (!token.ok()) return;
  token_ = *std::move(token);
  stamp_ = file->stamp;
}

}  // namespace boltzmann::client
