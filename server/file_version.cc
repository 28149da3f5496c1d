#include "server/file_version.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace boltzmann::server {
namespace {

constexpr int64_t kMaxBytes = 1 << 20;

absl::Status CannotRead(const char* option, const std::string& file, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(option, ": ", file, ": ", why));
}

}  // namespace

FileVersion VersionOf(const std::string& file) {
  struct stat found;
  if (stat(file.c_str(), &found) != 0) return {};
  constexpr int64_t kNanoseconds = 1'000'000'000;
  return {found.st_dev, found.st_ino, found.st_size,
          found.st_mtim.tv_sec * kNanoseconds + found.st_mtim.tv_nsec};
}

absl::StatusOr<std::string> ReadFile(const char* option, const std::string& file) {
  struct stat found;
  if (stat(file.c_str(), &found) != 0) return CannotRead(option, file, std::strerror(errno));
  if (!S_ISREG(found.st_mode)) return CannotRead(option, file, "is no regular file");
  if (found.st_size > kMaxBytes) return CannotRead(option, file, "is larger than a megabyte");
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return CannotRead(option, file, std::strerror(errno));
  std::string content((std::istreambuf_iterator<char>(stream)), {});
  if (stream.bad()) return CannotRead(option, file, "cannot be read");
  return content;
}

}  // namespace boltzmann::server
