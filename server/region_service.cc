#include "server/region_service.h"

#include <utility>

#include "server/call_context.h"
#include "server/quick_call.h"

namespace boltzmann::server {
namespace {

absl::Status NoSharedMemory() {
  return absl::FailedPreconditionError(
      "this server takes no shared memory: start it with --shared_memory_dir, or send inline_data");
}

// Hands on a region, or why there is none.
template <typename Response>
absl::Status Take(absl::StatusOr<v1::Region> region, Response& response) {
  if (region.ok()) *response.mutable_region() = *std::move(region);
  return region.status();
}

}  // namespace

grpc::ServerUnaryReactor* RegionService::RegisterRegion(grpc::CallbackServerContext* context,
                                                        const v1::RegisterRegionRequest* request,
                                                        v1::RegisterRegionResponse* response) {
  return Answer({Method::kRegisterRegion, *context, backend_}, *request, *response, [&] {
    if (backend_.regions == nullptr) return NoSharedMemory();
    return Take(backend_.regions->Register(*request, CallerOf(*context)), *response);
  });
}

grpc::ServerUnaryReactor* RegionService::RenewRegion(grpc::CallbackServerContext* context,
                                                     const v1::RenewRegionRequest* request,
                                                     v1::RenewRegionResponse* response) {
  return Answer({Method::kRenewRegion, *context, backend_}, *request, *response, [&] {
    if (backend_.regions == nullptr) return NoSharedMemory();
    return Take(backend_.regions->Renew(request->region_id()), *response);
  });
}

grpc::ServerUnaryReactor* RegionService::UnregisterRegion(
    grpc::CallbackServerContext* context, const v1::UnregisterRegionRequest* request,
    v1::UnregisterRegionResponse* response) {
  return Answer({Method::kUnregisterRegion, *context, backend_}, *request, *response, [&] {
    if (backend_.regions == nullptr) return NoSharedMemory();
    return backend_.regions->Unregister(request->region_id());
  });
}

grpc::ServerUnaryReactor* RegionService::ListRegions(grpc::CallbackServerContext* context,
                                                     const v1::ListRegionsRequest* request,
                                                     v1::ListRegionsResponse* response) {
  return Answer({Method::kListRegions, *context, backend_}, *request, *response, [&] {
    if (backend_.regions == nullptr) return NoSharedMemory();
    for (v1::Region& region : backend_.regions->List(CallerOf(*context))) {
      *response->add_regions() = std::move(region);
    }
    return absl::OkStatus();
  });
}

}  // namespace boltzmann::server
