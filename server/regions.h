// The memory that callers share with the server.
#ifndef BOLTZMANN_SERVER_REGIONS_H_
#define BOLTZMANN_SERVER_REGIONS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "boltzmann/v1/sampler.pb.h"
#include "core/mutex.h"
#include "server/mapping.h"

namespace boltzmann::server {

struct RegionOptions {
  // The one directory in which regions may lie, as a rule on a tmpfs. Whoever may make files in it
  // may have them read. Empty: no shared memory.
  std::string directory = "";

  uint32_t max_regions = 256;           // at a time; at most half of them are one caller's
  uint64_t max_region_bytes = 1 << 30;  // of one
  std::chrono::milliseconds max_lease{600000};
};

// Regions by their ids. Thread-safe.
class Regions {
 public:
  using Clock = std::chrono::steady_clock;

  // Makes the directory, for this user alone, if there is nothing of its name. INVALID_ARGUMENT,
  // naming it, if the directory is none or is not to be trusted: others than its
  // owner may remove files of each other in it.
  static absl::StatusOr<std::unique_ptr<Regions>> Open(const RegionOptions& options);
  ~Regions();

  const RegionOptions& options() const { return options_; }

  // What RegionService says, and in its words. `caller` is whose regions they are.
  absl::StatusOr<v1::Region> Register(const v1::RegisterRegionRequest& request,
                                      const std::string& caller);
  absl::StatusOr<v1::Region> Renew(const std::string& id);
  absl::Status Unregister(const std::string& id);
  std::vector<v1::Region> List(const std::string& caller) const;

  // A region for a call to read, which begins its lease anew. It stays mapped while the call holds
  // it. NOT_FOUND if there is none; FAILED_PRECONDITION if its file has been truncated.
  absl::StatusOr<std::shared_ptr<const Mapping>> Use(const std::string& id);

  struct Counts {
    size_t regions = 0;
    uint64_t bytes = 0;
  };
  Counts Count() const;

  // Forgets regions whose lease has run out, and brings in the pages of new ones.
  void Tidy();

 private:
  struct Region {
    std::shared_ptr<const Mapping> mapping;
    std::string caller;
    uint64_t number;  // in the order of registration
    std::chrono::milliseconds lease;
    Clock::time_point expires;
  };

  Regions(const RegionOptions& options, int directory) : options_(options), directory_(directory) {}

  absl::Status CheckRequest(const v1::RegisterRegionRequest& request) const;
  absl::Status CheckRoom(const std::string& caller) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static v1::Region Describe(const std::string& id, const Region& region);
  // The region, its lease begun anew, or nullptr.
  Region* Find(const std::string& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const RegionOptions options_;
  const int directory_;
  mutable core::Mutex mutex_;
  std::unordered_map<std::string, Region> regions_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<const Mapping>> unpopulated_ ABSL_GUARDED_BY(mutex_);
  uint64_t registered_ ABSL_GUARDED_BY(mutex_) = 0;
};

// FAILED_PRECONDITION if a part of the region is gone, or was when somebody read it.
absl::Status CheckWhole(const Mapping& mapping);

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_REGIONS_H_
