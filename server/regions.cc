#include "server/regions.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/log.h"
#include "server/status.h"

namespace boltzmann::server {
namespace {

using std::chrono::milliseconds;

constexpr size_t kIdBytes = 16;
constexpr size_t kMaxNameBytes = 255;
constexpr milliseconds kMinLease(1000);
constexpr milliseconds kDefaultLease(60000);

// What a caller who is refused for want of room is told to wait.
constexpr milliseconds kPushback(1000);

absl::Status NoSuchRegion() {
  return absl::NotFoundError(
      "region_id: there is no such region: it was never registered, was unregistered, or its lease "
      "has run out: register it again");
}

std::string NewId() {
  std::string id(kIdBytes, '\0');
  if (getrandom(id.data(), id.size(), 0) == static_cast<ssize_t>(id.size())) return id;
  return "";
}

bool IsFileName(const std::string& name) {
  return !name.empty() && name.size() <= kMaxNameBytes && name != "." && name != ".." &&
         name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

milliseconds LeaseOf(const v1::RegisterRegionRequest& request, milliseconds max) {
  if (!request.has_lease()) return std::min(kDefaultLease, max);
  constexpr int64_t kManySeconds = 1000000000;  // beyond every limit
  const int64_t seconds = std::clamp<int64_t>(request.lease().seconds(), -1, kManySeconds);
  return milliseconds(seconds * 1000 + request.lease().nanos() / 1000000);
}

absl::Status BadDirectory(const std::string& directory, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("shared_memory_dir: ", directory, " ", why));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Regions>> Regions::Open(const RegionOptions& options) {
  const int directory =
      open(options.directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0) {
    return BadDirectory(options.directory,
                        absl::StrCat("cannot be opened as a directory: ", std::strerror(errno)));
  }
  std::unique_ptr<Regions> regions(new Regions(options, directory));
  struct stat found;
  if (fstat(directory, &found) != 0) return BadDirectory(options.directory, std::strerror(errno));
  const bool shared = (found.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  if (shared && (found.st_mode & S_ISVTX) == 0) {
    return BadDirectory(options.directory,
                        "may be written by others than its owner, who could replace each other's "
                        "files: set its sticky bit (chmod +t), or its mode to 0700");
  }
  return regions;
}

Regions::~Regions() { close(directory_); }

absl::StatusOr<v1::Region> Regions::Register(const v1::RegisterRegionRequest& request,
                                             const std::string& caller) {
  if (absl::Status status = CheckRequest(request); !status.ok()) return status;
  core::MutexLock lock(mutex_);
  if (absl::Status status = CheckRoom(caller); !status.ok()) return status;
  auto mapping = Mapping::Open(directory_, request.file_name(), request.size_bytes());
  if (!mapping.ok()) {
    static LogLimiter limiter;
    Log(limiter, LogLevel::warn, "a region was refused",
        {{"error", std::string(mapping.status().message())}});
    return absl::FailedPreconditionError(
        "file_name: this file cannot be shared: it must lie directly in the server's shared memory "
        "directory, be a regular file without other names, owned by the directory's owner or the "
        "server's user, with size_bytes bytes or more and no holes; the server's log says more");
  }
  const std::string id = NewId();
  if (id.empty()) return absl::InternalError("the system gave no random bytes");
  const milliseconds lease = LeaseOf(request, options_.max_lease);
  unpopulated_.push_back(*mapping);
  const Region& region = regions_
                             .emplace(id, Region{*std::move(mapping), caller, registered_++, lease,
                                                 Clock::now() + lease})
                             .first->second;
  return Describe(id, region);
}

absl::Status Regions::CheckRequest(const v1::RegisterRegionRequest& request) const {
  std::vector<core::Violation> violations;
  if (!IsFileName(request.file_name())) {
    violations.push_back({"file_name", "is no file's name: 1 to 255 bytes, no slash, no path"});
  }
  if (request.size_bytes() < 1 || request.size_bytes() > options_.max_region_bytes) {
    violations.push_back({"size_bytes", absl::StrCat(request.size_bytes(), " is outside [1, ",
                                                     options_.max_region_bytes, "]")});
  }
  const milliseconds lease = LeaseOf(request, options_.max_lease);
  if (request.has_lease() && (lease < kMinLease || lease > options_.max_lease)) {
    violations.push_back(
        {"lease", absl::StrCat(lease.count(), " ms is outside [", kMinLease.count(), ", ",
                               options_.max_lease.count(), "]")});
  }
  return violations.empty() ? absl::OkStatus() : BadRequest(violations);
}

absl::Status Regions::CheckRoom(const std::string& caller) const {
  const auto own = std::count_if(regions_.begin(), regions_.end(),
                                 [&](const auto& entry) { return entry.second.caller == caller; });
  const bool full = regions_.size() >= options_.max_regions;
  if (!full && own < (options_.max_regions + 1) / 2) return absl::OkStatus();
  return RetryAfter(kPushback,
                    absl::StrCat(regions_.size(), " regions are registered, ", own,
                                 " of them this caller's: unregister one, or raise --max_regions (",
                                 options_.max_regions, ")"));
}

absl::StatusOr<v1::Region> Regions::Renew(const std::string& id) {
  core::MutexLock lock(mutex_);
  const Region* region = Find(id);
  if (region == nullptr) return NoSuchRegion();
  return Describe(id, *region);
}

absl::Status Regions::Unregister(const std::string& id) {
  decltype(regions_)::node_type removed;  // unmapped without the lock
  core::MutexLock lock(mutex_);
  removed = regions_.extract(id);
  return removed.empty() ? NoSuchRegion() : absl::OkStatus();
}

Regions::Counts Regions::Count() const {
  core::MutexLock lock(mutex_);
  Counts counts{.regions = regions_.size()};
  for (const auto& [id, region] : regions_) counts.bytes += region.mapping->size();
  return counts;
}

std::vector<v1::Region> Regions::List(const std::string& caller) const {
  std::vector<std::pair<uint64_t, v1::Region>> own;
  {
    core::MutexLock lock(mutex_);
    for (const auto& [id, region] : regions_) {
      if (region.caller == caller) own.emplace_back(region.number, Describe(id, region));
    }
  }
  std::sort(own.begin(), own.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<v1::Region> regions;
  for (auto& [number, region] : own) regions.push_back(std::move(region));
  return regions;
}

absl::StatusOr<std::shared_ptr<const Mapping>> Regions::Use(const std::string& id) {
  std::shared_ptr<const Mapping> mapping;
  {
    core::MutexLock lock(mutex_);
    if (const Region* region = Find(id)) mapping = region->mapping;
  }
  if (mapping == nullptr) return NoSuchRegion();
  if (absl::Status status = CheckWhole(*mapping); !status.ok()) return status;
  return mapping;
}

void Regions::Tidy() {
  std::vector<std::shared_ptr<const Mapping>> dropped;  // unmapped without the lock
  std::vector<std::shared_ptr<const Mapping>> unpopulated;
  {
    core::MutexLock lock(mutex_);
    unpopulated.swap(unpopulated_);
    const Clock::time_point now = Clock::now();
    for (auto entry = regions_.begin(); entry != regions_.end();) {
      const bool expired = entry->second.expires <= now;
      if (expired) dropped.push_back(std::move(entry->second.mapping));
      entry = expired ? regions_.erase(entry) : std::next(entry);
    }
  }
  for (const auto& mapping : unpopulated) mapping->Populate();
}

Regions::Region* Regions::Find(const std::string& id) {
  const auto found = regions_.find(id);
  const Clock::time_point now = Clock::now();
  if (found == regions_.end() || found->second.expires <= now) return nullptr;
  found->second.expires = now + found->second.lease;
  return &found->second;
}

v1::Region Regions::Describe(const std::string& id, const Region& region) {
  const auto left = std::chrono::duration_cast<milliseconds>(region.expires - Clock::now());
  v1::Region description;
  description.set_region_id(id);
  description.set_size_bytes(region.mapping->size());
  *description.mutable_lease() = ToProto(region.lease);
  *description.mutable_lease_left() = ToProto(std::max(left, milliseconds(0)));
  return description;
}

absl::Status CheckWhole(const Mapping& mapping) {
  if (mapping.IsWhole()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "region_id: the region's file has become smaller than the region: register another");
}

}  // namespace boltzmann::server
