// Memory that the client shares with a server on its host, so that logits need not be sent.
#ifndef BOLTZMANN_CLIENT_SHARED_REGION_H_
#define BOLTZMANN_CLIENT_SHARED_REGION_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "boltzmann/v1/sampler.pb.h"
#include "client/client.h"
#include "client/mapped_file.h"
#include "client/mutex.h"

namespace boltzmann::client {

struct RegionOptions {
  // The directory that the server was started with (--shared_memory_dir), as this process sees it:
  // best on a tmpfs. Not empty.
  std::string directory;

  // From 1 to the server's Limits.max_region_bytes.
  size_t size_bytes = 0;

  // How long the server keeps the region after this process has died. From 1 s to the server's
  // Limits.max_region_lease. It is renewed three times as often.
  absl::Duration lease = absl::Seconds(60);

  // Who may open the file in the moment for which it has a name. 0600 if the server runs as the
  // same user; 0640 or 0644 if not, so that it can read.
  mode_t mode = 0600;
};

// A region: a mapped file, registered with the server.
//
// The file has a name that nobody can guess, and only until it is registered, so that a caller that
// is killed leaves nothing behind. It has no holes: writing to it never fails for want of memory.
//
// One server knows it, so that the client must be of one: of a list of addresses it is refused, and
// with a name that stands for several, calls that reach another end with NOT_FOUND.
//
// A server that was restarted has forgotten the region. Then calls that name it end with NOT_FOUND,
// status() says the same within a third of the lease, and Reregister() puts it right.
//
// Threads: bytes(), At() and status() on any; what is written into bytes() is the caller's to
// order.
class SharedRegion {
 public:
  // Makes the file and registers it. INVALID_ARGUMENT for an option or a client of several
  // servers, RESOURCE_EXHAUSTED if the directory's file system is full, else the error of a system
  // call, or the server's as in RegionService. Costs a page fault for each 4 KiB: make regions
  // once, not for each call.
  static absl::StatusOr<std::unique_ptr<SharedRegion>> Create(const Client& client,
                                                              const RegionOptions& options);

  // Unregisters the region, as far as the server can be reached, and waits for its answer for up to
  // the client's timeout. No call may be using the region.
  ~SharedRegion();

  SharedRegion(const SharedRegion&) = delete;
  SharedRegion& operator=(const SharedRegion&) = delete;

  // All of the region, to write logits into; zeros at first. The same addresses for as long as the
  // region lives. What a call reads must stay as it is until the call has ended.
  absl::Span<std::byte> bytes() const;

  // Names the rows that begin `offset_bytes` from the start, for Logits.shared_rows. Rows that
  // reach past the end are refused by the server.
  v1::SharedRows At(uint64_t offset_bytes) const;

  // OK, or what the last renewal of the lease failed with: NOT_FOUND means that the server has
  // forgotten the region; after any other error it is tried again.
  absl::Status status() const;

  // Registers the region anew, under another file and another id; bytes() keeps its addresses and
  // its content. For after a NOT_FOUND. Meanwhile no call may be using the region, and nobody
  // bytes(). On failure, which is Create()'s, the region is as it was.
  absl::Status Reregister();

 private:
  // A file that the server knows, and by which id. It has no name any more.
  struct Registered {
    MappedFile file;
    std::string region_id;
  };

  static absl::StatusOr<Registered> Register(const Client& client, const RegionOptions& options);

  SharedRegion(const Client& client, const RegionOptions& options, Registered registered);

  // Best effort: a lease that is not renewed ends by itself.
  void Unregister(const std::string& region_id) const;
  // Renews the lease, again and again, until the region is destroyed.
  void KeepRenewing();
  void Renew();
  std::string region_id() const;

  const Client client_;
  const RegionOptions options_;
  MappedFile file_;
  mutable Mutex mutex_;
  Condition stop_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::string region_id_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::thread renewer_;
};

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_SHARED_REGION_H_
