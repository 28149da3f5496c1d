// A bearer token that lies in a file, and may be replaced there while it is used.
#ifndef BOLTZMANN_CLIENT_TOKEN_FILE_H_
#define BOLTZMANN_CLIENT_TOKEN_FILE_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/credential_file.h"
#include "client/mutex.h"

namespace boltzmann::client {

// The token is the first line that is neither empty nor a comment (#), without the white space
// around it. It is up to 4096 visible ASCII characters, none of them a space.
//
// The file is looked at when the token is asked for, but not more than once a second, and read
// again if its time, its size or its inode has changed. While that fails, because it is just being
// written for instance, the last token stays in use.
//
// Threads: any.
class TokenFile {
 public:
  // Reads the file. An error of ReadCredentialFile, or FAILED_PRECONDITION if there is no token in
  // it, or one that a call could not carry. No error shows any of the token.
  static absl::StatusOr<std::shared_ptr<TokenFile>> Open(const std::string& path);

  // The token.
  std::string Get();

  // OK, or why the file could not be read again when it was last looked at.
  absl::Status status();

 private:
  TokenFile(const std::string& path, const CredentialFile& file, const std::string& token);

  void LookAgain() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  Mutex mutex_;
  std::string token_ ABSL_GUARDED_BY(mutex_);
  FileStamp stamp_ ABSL_GUARDED_BY(mutex_);
  absl::Time looked_at_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_TOKEN_FILE_H_
