// Certificates, keys and tokens as they lie in files.
#ifndef BOLTZMANN_CLIENT_CREDENTIAL_FILE_H_
#define BOLTZMANN_CLIENT_CREDENTIAL_FILE_H_

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"

namespace boltzmann::client {

// What tells one state of a file from another, as far as can be seen without reading it.
struct FileStamp {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  // When it was last written to, in ns since 1970.
  int64_t written = 0;

  bool operator==(const FileStamp&) const = default;
};

// That of the file at `path`; all zeros if it cannot be looked at.
FileStamp StampOf(const std::string& path);

struct CredentialFile {
  std::string content;
  // Taken before the content was read.
  FileStamp stamp;
};

// Reads a file. Its error names `option`, the path and the reason: that of the system, or
// FAILED_PRECONDITION if it is no regular file or has more than 1 MiB. Waits for no pipe.
absl::StatusOr<CredentialFile> ReadCredentialFile(const std::string& option,
                                                  const std::string& path);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_CREDENTIAL_FILE_H_
