#include "client/shared_ring.h"

#include <limits>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace boltzmann::client {
namespace {

// So that no two slots share a cache line.
constexpr size_t kSlotAlignment = 64;

constexpr size_t StrideOf(size_t slot_bytes) {
  return (slot_bytes + kSlotAlignment - 1) / kSlotAlignment * kSlotAlignment;
}

absl::Status CheckOptions(const RingOptions& options) {
  if (options.slot_count == 0 || options.slot_bytes == 0) {
    return absl::InvalidArgumentError(absl::StrCat("slot_count, slot_bytes: ", options.slot_count,
                                                   ", ", options.slot_bytes,
                                                   " are not allowed: give at least 1"));
  }
  constexpr size_t kMax = std::numeric_limits<off_t>::max();
  if (options.slot_bytes > kMax - kSlotAlignment ||
      StrideOf(options.slot_bytes) > kMax / options.slot_count) {
    return absl::InvalidArgumentError(absl::StrCat("slot_bytes: ", options.slot_count, " times ",
                                                   options.slot_bytes, " is too large"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SharedRing>> SharedRing::Create(const Client& client,
                                                               const RingOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  auto region =
      SharedRegion::Create(client, {.directory = options.directory,
                                    .size_bytes = StrideOf(options.slot_bytes) * options.slot_count,
                                    .lease = options.lease,
                                    .mode = options.mode});
  if (!region.ok()) return region.status();
  return absl::WrapUnique(new SharedRing(*std::move(region), options));
}

SharedRing::SharedRing(std::unique_ptr<SharedRegion> region, const RingOptions& options)
    : region_(std::move(region)), slot_count_(options.slot_count), slot_bytes_(options.slot_bytes) {
  for (size_t index = 0; index < slot_count_; ++index) free_.push_back(index);
}

absl::StatusOr<SharedRing::Slot> SharedRing::Acquire(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  MutexLock lock(mutex_);
  bool in_time = true;
  while (free_.empty() && in_time) in_time = slot_freed_.WaitUntil(mutex_, deadline);
  if (!free_.empty()) return TakeOldest();
  return absl::DeadlineExceededError(
      absl::StrCat("all ", slot_count_, " slots were taken for ", absl::FormatDuration(timeout)));
}

std::optional<SharedRing::Slot> SharedRing::TryAcquire() {
  MutexLock lock(mutex_);
  if (free_.empty()) return std::nullopt;
  return TakeOldest();
}

SharedRing::Slot SharedRing::TakeOldest() {
  const size_t index = free_.front();
  free_.pop_front();
  return Slot(*this, index);
}

void SharedRing::Release(size_t index) {
  {
    MutexLock lock(mutex_);
    free_.push_back(index);
  }
  slot_freed_.NotifyOne();
}

size_t SharedRing::OffsetOf(size_t index) const { return index * StrideOf(slot_bytes_); }

absl::Status SharedRing::status() const { return region_->status(); }

absl::Status SharedRing::Reregister() {
  MutexLock lock(mutex_);
  if (free_.size() == slot_count_) return region_->Reregister();
  return absl::FailedPreconditionError(absl::StrCat(
      slot_count_ - free_.size(), " slots are taken: give them back before Reregister()"));
}

SharedRing::Slot::Slot(Slot&& other) noexcept
    : ring_(std::exchange(other.ring_, nullptr)), index_(other.index_) {}

SharedRing::Slot& SharedRing::Slot::operator=(Slot&& other) noexcept {
  std::swap(ring_, other.ring_);
  std::swap(index_, other.index_);
  return *this;
}

SharedRing::Slot::~Slot() {
  if (ring_ != nullptr) ring_->Release(index_);
}

absl::Span<std::byte> SharedRing::Slot::bytes() const {
  return ring_->region_->bytes().subspan(ring_->OffsetOf(index_), ring_->slot_bytes_);
}

v1::SharedRows SharedRing::Slot::Rows() const {
  return ring_->region_->At(ring_->OffsetOf(index_));
}

}  // namespace boltzmann::client
