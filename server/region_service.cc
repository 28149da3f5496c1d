#include "server/region_service.h"

#include <utility>

#include "server/call_context.h"
#include "server/status.h"

namespace boltzmann::server {
namespace {

absl::Status NoSharedMemory() {
  return absl::FailedPreconditionError(
      "this server takes no shared memory: start it with --shared_memory_dir, or send inline_data");
}

grpc::ServerUnaryReactor* Finish(const absl::Status& status, grpc::CallbackServerContext& context) {
  auto* reactor = context.DefaultReactor();
  reactor->Finish(status.ok() ? grpc::Status::OK : ToGrpc(status, context));
  return reactor;
}

// Finishes with a region, or with why there is none.
template <typename Response>
grpc::ServerUnaryReactor* Finish(absl::StatusOr<v1::Region> region, Response& response,
                                 grpc::CallbackServerContext& context) {
  if (region.ok()) *response.mutable_region() = *std::move(region);
  return Finish(region.status(), context);
}

}  // namespace

grpc::ServerUnaryReactor* RegionService::RegisterRegion(grpc::CallbackServerContext* context,
                                                        const v1::RegisterRegionRequest* request,
                                                        v1::RegisterRegionResponse* response) {
  if (regions_ == nullptr) return Finish(NoSharedMemory(), *context);
  return Finish(regions_->Register(*request, CallerOf(*context)), *response, *context);
}

grpc::ServerUnaryReactor* RegionService::RenewRegion(grpc::CallbackServerContext* context,
                                                     const v1::RenewRegionRequest* request,
                                                     v1::RenewRegionResponse* response) {
  if (regions_ == nullptr) return Finish(NoSharedMemory(), *context);
  return Finish(regions_->Renew(request->region_id()), *response, *context);
}

grpc::ServerUnaryReactor* RegionService::UnregisterRegion(
    grpc::CallbackServerContext* context, const v1::UnregisterRegionRequest* request,
    v1::UnregisterRegionResponse*) {
  if (regions_ == nullptr) return Finish(NoSharedMemory(), *context);
  return Finish(regions_->Unregister(request->region_id()), *context);
}

grpc::ServerUnaryReactor* RegionService::ListRegions(grpc::CallbackServerContext* context,
                                                     const v1::ListRegionsRequest*,
                                                     v1::ListRegionsResponse* response) {
  if (regions_ == nullptr) return Finish(NoSharedMemory(), *context);
  for (v1::Region& region : regions_->List(CallerOf(*context))) {
    *response->add_regions() = std::move(region);
  }
  return Finish(absl::OkStatus(), *context);
}

}  // namespace boltzmann::server
