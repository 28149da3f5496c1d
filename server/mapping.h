// A file that a caller shares, mapped for reading.
#ifndef BOLTZMANN_SERVER_MAPPING_H_
#define BOLTZMANN_SERVER_MAPPING_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace boltzmann::server {

// Memory that somebody else may write to, and take away, at any moment. What was taken away reads
// as zeros, whoever reads it, and is told by IsDamaged. Thread-safe.
class Mapping {
 public:
  // Maps the first `size` bytes of the file `name` in the directory, which this process may only
  // read. The file must lie in the directory itself, be a regular one with no other name, be owned
  // by the directory's owner or this process's user, have as many bytes, and no holes.
  //
  // Otherwise FAILED_PRECONDITION, which says what is wrong: for the log, not for callers, whom the
  // host's files do not concern. RESOURCE_EXHAUSTED if kMaxMappings are in use.
  // REQUIRES: name is no path; size >= 1. Costs a few system calls; pages come as they are read.
  static absl::StatusOr<std::shared_ptr<const Mapping>> Open(int directory, const std::string& name,
                                                             size_t size);
  static constexpr int kMaxMappings = 4096;

  ~Mapping();

  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }

  // Has the pages brought in, so that reading does not wait for them. Some 0.1 ms a MB.
  void Populate() const;

  // Whether all of it is still there. A system call.
  bool IsWhole() const;

  // Whether somebody has read what had been taken away.
  bool IsDamaged() const;

 private:
  Mapping(int file, const std::byte* data, size_t size, int guard);

  const int file_;
  const std::byte* const data_;
  const size_t size_;
  const int guard_;  // its place among those that the signal handler knows
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_MAPPING_H_
