// Files that are read again when they change.
#ifndef BOLTZMANN_SERVER_FILE_VERSION_H_
#define BOLTZMANN_SERVER_FILE_VERSION_H_

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace boltzmann::server {

// By which a file is known to have changed, or to be another one. All 0 if there is none.
struct FileVersion {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size = 0;
  int64_t modified_ns = 0;
  bool operator==(const FileVersion&) const = default;
};

FileVersion VersionOf(const std::string& file);

// What a file holds. INVALID_ARGUMENT, naming the option, the file and why, if it cannot be read, or
// is larger than a megabyte.
absl::StatusOr<std::string> ReadFile(const char* option, const std::string& file);

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_FILE_VERSION_H_
