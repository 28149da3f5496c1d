// Slots of shared memory for the decode steps in flight.
#ifndef BOLTZMANN_CLIENT_SHARED_RING_H_
#define BOLTZMANN_CLIENT_SHARED_RING_H_

#include <sys/types.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "boltzmann/v1/sampler.pb.h"
#include "client/client.h"
#include "client/mutex.h"
#include "client/shared_region.h"

namespace boltzmann::client {

struct RingOptions {
  // As in RegionOptions.
  std::string directory;
  absl::Duration lease = absl::Seconds(60);
  mode_t mode = 0600;

  // How many slots. At least 1: one for each step that is in flight at a time, and one more where
  // the next step's logits are written meanwhile.
  size_t slot_count = 2;

  // What one slot holds: at least the bytes of the largest step, B * V * the size of a logit.
  size_t slot_bytes = 0;
};

// One region, cut into slots. A slot is taken, written, named in a call, and given back when the
// call has ended.
//
// Threads: any thread may call any method at any time, the destructor aside.
// Cost: taking a slot and giving it back takes a mutex; no system call unless somebody waits.
class SharedRing {
 public:
  // A slot that is taken, until it is destroyed. Must not outlive its ring. Not thread-safe.
  class Slot {
   public:
    Slot(Slot&& other) noexcept;
    Slot& operator=(Slot&& other) noexcept;
    ~Slot();

    // `slot_bytes` to write logits into, from a multiple of 64; what was there before is left.
    absl::Span<std::byte> bytes() const;

    // Names the rows that begin at the start of the slot, for Logits.shared_rows.
    v1::SharedRows Rows() const;

   private:
    friend class SharedRing;
    Slot(SharedRing& ring, size_t index) : ring_(&ring), index_(index) {}

    SharedRing* ring_;  // null once moved from
    size_t index_;
  };

  // INVALID_ARGUMENT for an option, else the errors of SharedRegion::Create().
  static absl::StatusOr<std::unique_ptr<SharedRing>> Create(const Client& client,
                                                            const RingOptions& options);

  // As SharedRegion's. Every slot must have been given back.
  ~SharedRing() = default;

  SharedRing(const SharedRing&) = delete;
  SharedRing& operator=(const SharedRing&) = delete;

  // Takes a free slot, the one that was given back longest ago; waits until there is one.
  // DEADLINE_EXCEEDED if there is none for `timeout`.
  absl::StatusOr<Slot> Acquire(absl::Duration timeout);

  // The same without waiting: nothing if none is free.
  std::optional<Slot> TryAcquire();

  // As those of SharedRegion. Reregister() is FAILED_PRECONDITION while a slot is taken.
  absl::Status status() const;
  absl::Status Reregister();

 private:
  SharedRing(std::unique_ptr<SharedRegion> region, const RingOptions& options);

  // What Acquire() and TryAcquire() do once there is a free slot.
  Slot TakeOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Release(size_t index);
  // Where a slot begins in the region.
  size_t OffsetOf(size_t index) const;

  const std::unique_ptr<SharedRegion> region_;
  const size_t slot_count_;
  const size_t slot_bytes_;
  Mutex mutex_;
  Condition slot_freed_;
  // The slots that are free, the one that was given back longest ago first.
  std::deque<size_t> free_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_SHARED_RING_H_
