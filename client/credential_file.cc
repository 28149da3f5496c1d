#include "client/credential_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace boltzmann::client {
namespace {

// Bundles of all public authorities have a quarter of it.
constexpr size_t kMostBytes = 1 << 20;

FileStamp StampOf(const struct stat& found) {
  return {found.st_dev, found.st_ino, found.st_size,
          int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec};
}

// What is left to read, as far as one byte more than is allowed. False at an error, which is in
// errno.
bool ReadAll(int descriptor, std::string& content) {
  char block[4096];
  while (content.size() <= kMostBytes) {
    const ssize_t count = read(descriptor, block, sizeof(block));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count == 0;
    content.append(block, static_cast<size_t>(count));
  }
  return true;
}

}  // namespace

FileStamp StampOf(const std::string& path) {
  struct stat found;
  return stat(path.c_str(), &found) == 0 ? StampOf(found) : FileStamp();
}

absl::StatusOr<CredentialFile> ReadCredentialFile(const std::string& option,
                                                  const std::string& path) {
  const std::string name = absl::StrCat(option, ": ", path);
  const auto unreadable = [&] {
    return absl::ErrnoToStatus(errno, absl::StrCat(name, " cannot be read"));
  };
  // A pipe that nobody writes to would be waited for here, without O_NONBLOCK.
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return unreadable();
  const absl::Cleanup closed = [descriptor] { close(descriptor); };
  struct stat found;
  if (fstat(descriptor, &found) != 0) return unreadable();
  if (!S_ISREG(found.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(name, " is no regular file"));
  }
  CredentialFile file = {"", StampOf(found)};
  if (!ReadAll(descriptor, file.content)) return unreadable();
  if (file.content.size() <= kMostBytes) return file;
  return absl::FailedPreconditionError(
      absl::StrCat(name, " has more than 1 MiB, the most that is taken: is it the right file?"));
}

}  // namespace boltzmann::client
