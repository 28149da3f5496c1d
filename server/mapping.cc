#include "server/mapping.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/mutex.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

namespace boltzmann::server {
namespace {

// Reading a page of a file that has been truncated raises SIGBUS. The handler puts an empty page
// there and lets the reader go on: it must not end the server, and a reader cannot be stopped in
// the midst of a row. All that the handler touches is these.
struct Guarded {
  std::atomic<uintptr_t> begin{0};  // 0 if the place is free
  std::atomic<uintptr_t> end{0};
  std::atomic<bool> damaged{false};
};
Guarded guarded[Mapping::kMaxMappings];
uintptr_t page_bytes = 0;
struct sigaction previous;

// Replaces what is left of the mapping that holds `address` by zeros. False if there is none.
bool Mend(uintptr_t address) {
  for (Guarded& guard : guarded) {
    const uintptr_t begin = guard.begin.load(std::memory_order_acquire);
    const uintptr_t end = guard.end.load(std::memory_order_acquire);
    if (begin == 0 || address < begin || address >= end) continue;
    if (guard.begin.load(std::memory_order_acquire) != begin) continue;  // another took its place
    const uintptr_t page = address & ~(page_bytes - 1);
    guard.damaged.store(true, std::memory_order_release);
    return mmap(reinterpret_cast<void*>(page), end - page, PROT_READ,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
  }
  return false;
}

void OnBusError(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  const bool mended = Mend(reinterpret_cast<uintptr_t>(info->si_addr));
  errno = saved;
  if (mended) return;
  if ((previous.sa_flags & SA_SIGINFO) != 0) return previous.sa_sigaction(signal, info, context);
  const bool called = previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN;
  if (called) return previous.sa_handler(signal);
  sigaction(SIGBUS, &previous, nullptr);  // and it happens again, without us
}

// Once a process.
void InstallHandler() {
  page_bytes = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  struct sigaction action = {};
  action.sa_sigaction = OnBusError;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &previous);
}

core::Mutex guards_mutex;

// A place for a mapping, or -1.
int Guard(uintptr_t begin, size_t size) {
  core::MutexLock lock(guards_mutex);
  static const bool installed = (InstallHandler(), true);
  (void)installed;
  for (int i = 0; i < Mapping::kMaxMappings; ++i) {
    if (guarded[i].begin.load(std::memory_order_relaxed) != 0) continue;
    guarded[i].damaged.store(false, std::memory_order_relaxed);
    guarded[i].end.store(begin + size, std::memory_order_relaxed);
    guarded[i].begin.store(begin, std::memory_order_release);
    return i;
  }
  return -1;
}

void Unguard(int guard) {
  core::MutexLock lock(guards_mutex);
  guarded[guard].begin.store(0, std::memory_order_release);
}

absl::Status Refused(const char* why) { return absl::FailedPreconditionError(why); }

absl::Status RefusedBySystem(const char* what) {
  return absl::FailedPreconditionError(absl::StrCat(what, ": ", std::strerror(errno)));
}

// Whether the open file is one that may be mapped.
absl::Status Check(int file, int directory, size_t size) {
  constexpr size_t kStatBlock = 512;
  struct stat of_file;
  struct stat of_directory;
  if (fstat(file, &of_file) != 0 || fstat(directory, &of_directory) != 0) {
    return RefusedBySystem("fstat");
  }
  if (!S_ISREG(of_file.st_mode)) return Refused("it is no regular file");
  if (of_file.st_dev != of_directory.st_dev) return Refused("it is on another file system");
  if (of_file.st_nlink != 1) return Refused("it has another name (a hard link), or none");
  const bool owned = of_file.st_uid == of_directory.st_uid || of_file.st_uid == geteuid();
  if (!owned) return Refused("it belongs to another user");
  if (static_cast<size_t>(of_file.st_size) < size) return Refused("it is smaller than the region");
  if (static_cast<size_t>(of_file.st_blocks) * kStatBlock < size) {
    return Refused("it has holes: allocate it (posix_fallocate)");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Mapping>> Mapping::Open(int directory, const std::string& name,
                                                             size_t size) {
  // Without waiting: neither for the other end of a pipe nor for whoever has leased the file.
  const int file =
      openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return RefusedBySystem("it cannot be opened");
  absl::Status status = Check(file, directory, size);
  void* data = MAP_FAILED;
  if (status.ok()) {
    data = mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
    if (data == MAP_FAILED) status = RefusedBySystem("it cannot be mapped");
  }
  const int guard = status.ok() ? Guard(reinterpret_cast<uintptr_t>(data), size) : -1;
  if (status.ok() && guard < 0) {
    munmap(data, size);
    status = absl::ResourceExhaustedError("too many regions are in use");
  }
  if (!status.ok()) {
    close(file);
    return status;
  }
  return std::shared_ptr<const Mapping>(
      new Mapping(file, static_cast<const std::byte*>(data), size, guard));
}

Mapping::Mapping(int file, const std::byte* data, size_t size, int guard)
    : file_(file), data_(data), size_(size), guard_(guard) {}

Mapping::~Mapping() {
  Unguard(guard_);
  munmap(const_cast<std::byte*>(data_), size_);
  close(file_);
}

void Mapping::Populate() const {
  madvise(const_cast<std::byte*>(data_), size_, MADV_POPULATE_READ);  // or it comes later
}

bool Mapping::IsWhole() const {
  struct stat of_file;
  return !IsDamaged() && fstat(file_, &of_file) == 0 &&
         static_cast<size_t>(of_file.st_size) >= size_;
}

bool Mapping::IsDamaged() const { return guarded[guard_].damaged.load(std::memory_order_acquire); }

}  // namespace boltzmann::server
