#include "client/shared_region.h"

#include <cstring>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace boltzmann::client {
namespace {

constexpr int kRenewalsPerLease = 3;

absl::Status CheckOptions(const RegionOptions& options) {
  if (options.directory.empty()) {
    return absl::InvalidArgumentError("directory: is empty: name the server's --shared_memory_dir");
  }
  if (options.size_bytes == 0) {
    return absl::InvalidArgumentError("size_bytes: 0 is not allowed: give at least 1");
  }
  if (options.lease <= absl::ZeroDuration() || options.lease == absl::InfiniteDuration()) {
    return absl::InvalidArgumentError(absl::StrCat("lease: ", absl::FormatDuration(options.lease),
                                                   " is not allowed: give a positive, finite one"));
  }
  return absl::OkStatus();
}

void SetDuration(absl::Duration from, google::protobuf::Duration& to) {
  to.set_seconds(absl::IDivDuration(from, absl::Seconds(1), &from));
  to.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(from)));
}

v1::RegisterRegionRequest RegistrationOf(const MappedFile& file, absl::Duration lease) {
  v1::RegisterRegionRequest request;
  request.set_file_name(file.name());
  request.set_size_bytes(file.bytes().size());
  SetDuration(lease, *request.mutable_lease());
  return request;
}

}  // namespace

absl::StatusOr<SharedRegion::Registered> SharedRegion::Register(const Client& client,
                                                                const RegionOptions& options) {
  absl::StatusOr<MappedFile> file =
      MappedFile::Create(options.directory, options.size_bytes, options.mode);
  if (!file.ok()) return file.status();
  const auto response = client.RegisterRegion(RegistrationOf(*file, options.lease));
  if (!response.ok()) return response.status();
  file->Unlink();
  return Registered{*std::move(file), response->region().region_id()};
}

absl::StatusOr<std::unique_ptr<SharedRegion>> SharedRegion::Create(const Client& client,
                                                                   const RegionOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  if (client.connection().lists_several_servers) {
    return absl::InvalidArgumentError(
        "target: lists several servers, and memory is shared with one: make a client of that one's "
        "address alone");
  }
  absl::StatusOr<Registered> registered = Register(client, options);
  if (!registered.ok()) return registered.status();
  return absl::WrapUnique(new SharedRegion(client, options, *std::move(registered)));
}

SharedRegion::SharedRegion(const Client& client, const RegionOptions& options,
                           Registered registered)
    : client_(client),
      options_(options),
      file_(std::move(registered.file)),
      region_id_(std::move(registered.region_id)),
      renewer_([this] { KeepRenewing(); }) {}

SharedRegion::~SharedRegion() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  stop_.NotifyAll();
  renewer_.join();
  Unregister(region_id());
}

absl::Span<std::byte> SharedRegion::bytes() const { return file_.bytes(); }

v1::SharedRows SharedRegion::At(uint64_t offset_bytes) const {
  v1::SharedRows rows;
  rows.set_region_id(region_id());
  rows.set_offset_bytes(offset_bytes);
  return rows;
}

absl::Status SharedRegion::status() const {
  MutexLock lock(mutex_);
  return status_;
}

std::string SharedRegion::region_id() const {
  MutexLock lock(mutex_);
  return region_id_;
}

absl::Status SharedRegion::Reregister() {
  absl::StatusOr<Registered> anew = Register(client_, options_);
  if (!anew.ok()) return anew.status();
  std::memcpy(anew->file.bytes().data(), bytes().data(), bytes().size());
  if (absl::Status status = anew->file.MoveTo(file_); !status.ok()) {
    Unregister(anew->region_id);
    return status;
  }
  file_ = std::move(anew->file);
  {
    MutexLock lock(mutex_);
    std::swap(region_id_, anew->region_id);
    status_ = absl::OkStatus();
  }
  Unregister(anew->region_id);
  return absl::OkStatus();
}

void SharedRegion::Unregister(const std::string& region_id) const {
  v1::UnregisterRegionRequest request;
  request.set_region_id(region_id);
  client_.UnregisterRegion(request).IgnoreError();
}

void SharedRegion::KeepRenewing() {
  const absl::Duration pause = options_.lease / kRenewalsPerLease;
  MutexLock lock(mutex_);
  absl::Time next = absl::Now() + pause;
  while (!stopping_) {
    if (stop_.WaitUntil(mutex_, next)) continue;
    mutex_.Unlock();
    Renew();
    mutex_.Lock();
    next = absl::Now() + pause;
  }
}

void SharedRegion::Renew() {
  v1::RenewRegionRequest request;
  request.set_region_id(region_id());
  const absl::Status status = client_.RenewRegion(request).status();
  MutexLock lock(mutex_);
  // Unless the region was registered anew meanwhile.
  if (request.region_id() == region_id_) status_ = status;
}

}  // namespace boltzmann::client
