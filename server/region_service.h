// RegionService on gRPC's callback API.
#ifndef BOLTZMANN_SERVER_REGION_SERVICE_H_
#define BOLTZMANN_SERVER_REGION_SERVICE_H_

#include "boltzmann/v1/sampler.grpc.pb.h"
#include "server/backend.h"

namespace boltzmann::server {

// Each method is a few system calls, on gRPC's thread.
class RegionService final : public v1::RegionService::CallbackService {
 public:
  // `backend` must outlive the service.
  explicit RegionService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* RegisterRegion(grpc::CallbackServerContext* context,
                                           const v1::RegisterRegionRequest* request,
                                           v1::RegisterRegionResponse* response) override;

  grpc::ServerUnaryReactor* RenewRegion(grpc::CallbackServerContext* context,
                                        const v1::RenewRegionRequest* request,
                                        v1::RenewRegionResponse* response) override;

  grpc::ServerUnaryReactor* UnregisterRegion(grpc::CallbackServerContext* context,
                                             const v1::UnregisterRegionRequest* request,
                                             v1::UnregisterRegionResponse* response) override;

  grpc::ServerUnaryReactor* ListRegions(grpc::CallbackServerContext* context,
                                        const v1::ListRegionsRequest* request,
                                        v1::ListRegionsResponse* response) override;

 private:
  const Backend& backend_;
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_REGION_SERVICE_H_
