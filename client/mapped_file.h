// A file in memory that another process can map.
#ifndef BOLTZMANN_CLIENT_MAPPED_FILE_H_
#define BOLTZMANN_CLIENT_MAPPED_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace boltzmann::client {

// A new file, mapped for writing, its pages in memory. Movable. Not thread-safe.
class MappedFile {
 public:
  // Makes a file of `size` zeros, at least 1, with a name that nobody can guess in
  // `directory`, and with `mode` whatever the umask says. It has no holes. RESOURCE_EXHAUSTED if
  // there is no room, else the error of the system call that failed; either way no file is left.
  static absl::StatusOr<MappedFile> Create(const std::string& directory, size_t size, mode_t mode);

  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  // Unmaps it, and removes its name if it still has one.
  ~MappedFile();

  absl::Span<std::byte> bytes() const { return {data_, size_}; }

  // The file's name within its directory, without a slash; empty once it has none.
  const std::string& name() const { return name_; }

  // Removes the file's name. Its content stays until nobody maps it any more.
  void Unlink();

  // Moves this file's pages to the addresses at which `other` is mapped, which is as large and
  // loses them. The error of the system call, with both as they were, if the system refuses.
  absl::Status MoveTo(MappedFile& other);

 private:
  std::string directory_;
  std::string name_;
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_MAPPED_FILE_H_
