#include "client/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/random_name.h"

namespace boltzmann::client {
namespace {

// A file descriptor that is closed in the end.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }

  int number() const { return number_; }

 private:
  const int number_;
};

absl::Status Failed(int error, const std::string& what) { return absl::ErrnoToStatus(error, what); }

// Gives the file `size` bytes of memory, so that writing to it later cannot fail.
absl::Status Allocate(int descriptor, size_t size, const std::string& directory) {
  int error = 0;
  do error = posix_fallocate(descriptor, 0, static_cast<off_t>(size));
  while (error == EINTR);
  if (error == 0) return absl::OkStatus();
  if (error == ENOSPC) {
    return absl::ResourceExhaustedError(absl::StrCat("no room for ", size, " bytes in ", directory,
                                                     ": make its file system larger"));
  }
  return Failed(error, absl::StrCat("cannot make a file of ", size, " bytes in ", directory));
}

absl::StatusOr<std::byte*> Map(int descriptor, size_t size) {
  void* const at =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, descriptor, 0);
  if (at == MAP_FAILED) return Failed(errno, absl::StrCat("cannot map ", size, " bytes"));
  return static_cast<std::byte*>(at);
}

}  // namespace

absl::StatusOr<MappedFile> MappedFile::Create(const std::string& directory, size_t size,
                                              mode_t mode) {
  MappedFile file;
  const std::string name = absl::StrCat("boltzmann-", RandomName());
  const std::string path = absl::StrCat(directory, "/", name);
  const Descriptor descriptor(
      open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (descriptor.number() < 0) {
    return Failed(errno, absl::StrCat("cannot make a file in ", directory));
  }
  file.directory_ = directory;
  file.name_ = name;
  if (fchmod(descriptor.number(), mode) != 0) return Failed(errno, "cannot set a file's mode");
  absl::Status status = Allocate(descriptor.number(), size, directory);
  if (!status.ok()) return status;
  const absl::StatusOr<std::byte*> data = Map(descriptor.number(), size);
  if (!data.ok()) return data.status();
  file.data_ = *data;
  file.size_ = size;
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept { *this = std::move(other); }

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(directory_, other.directory_);
  std::swap(name_, other.name_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  Unlink();
  if (data_ != nullptr) munmap(data_, size_);
}

void MappedFile::Unlink() {
  if (!name_.empty()) unlink(absl::StrCat(directory_, "/", name_).c_str());
  name_.clear();
}

absl::Status MappedFile::MoveTo(MappedFile& other) {
  if (mremap(data_, size_, size_, MREMAP_MAYMOVE | MREMAP_FIXED, other.data_) == MAP_FAILED) {
    return Failed(errno, "cannot put a file in the place of another");
  }
  data_ = std::exchange(other.data_, nullptr);
  other.size_ = 0;
  return absl::OkStatus();
}

}  // namespace boltzmann::client
