// The regions of shared memory of a fake server.
#ifndef BOLTZMANN_TESTS_CLIENT_FAKE_REGIONS_H_
#define BOLTZMANN_TESTS_CLIENT_FAKE_REGIONS_H_

#include <sys/stat.h>

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "boltzmann/v1/sampler.grpc.pb.h"

namespace boltzmann::test {

// Takes any file of its directory, and keeps it open; leases never end.
class FakeRegions : public v1::RegionService::Service {
 public:
  FakeRegions() = default;
  ~FakeRegions() override { ForgetAll(); }

  // Not while calls are under way.
  void ServeFrom(const std::string& directory) { directory_ = directory; }

  grpc::Status RegisterRegion(grpc::ServerContext* context,
                              const v1::RegisterRegionRequest* request,
                              v1::RegisterRegionResponse* response) override;
  grpc::Status RenewRegion(grpc::ServerContext* context, const v1::RenewRegionRequest* request,
                           v1::RenewRegionResponse* response) override;
  grpc::Status UnregisterRegion(grpc::ServerContext* context,
                                const v1::UnregisterRegionRequest* request,
                                v1::UnregisterRegionResponse* response) override;
  grpc::Status ListRegions(grpc::ServerContext* context, const v1::ListRegionsRequest* request,
                           v1::ListRegionsResponse* response) override;

  // What a restart does.
  void ForgetAll();

  // What was asked, and what each file was like then.
  struct Registration {
    v1::RegisterRegionRequest request;
    struct stat file;
  };
  std::vector<Registration> registrations();

  // How many calls of RenewRegion there were.
  int renewals();

  // The bytes of a region from an offset on; empty if there is none.
  std::string Read(const v1::SharedRows& rows, size_t size);

  // The request with its rows of shared memory, float32 and packed, inline; nothing if there is no
  // such region.
  std::optional<v1::SampleRequest> Inlined(v1::SampleRequest request);

 private:
  struct Open {
    int descriptor;
    v1::Region region;
  };

  std::string directory_;
  std::mutex mutex_;
  std::map<std::string, Open> regions_;
  std::vector<Registration> registrations_;
  int renewals_ = 0;
};

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CLIENT_FAKE_REGIONS_H_
