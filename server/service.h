// SamplerService on gRPC's callback API.
#ifndef BOLTZMANN_SERVER_SERVICE_H_
#define BOLTZMANN_SERVER_SERVICE_H_

#include "boltzmann/v1/sampler.grpc.pb.h"
#include "grpcpp/generic/async_generic_service.h"
#include "server/backend.h"

namespace boltzmann::server {

// The methods that compute rows are marked as generic ones: RowMethods serves them.
using SamplerServiceBase = v1::SamplerService::WithGenericMethod_Sample<
    v1::SamplerService::WithGenericMethod_StreamSample<v1::SamplerService::WithGenericMethod_Score<
        v1::SamplerService::WithGenericMethod_Verify<v1::SamplerService::WithGenericMethod_Describe<
            v1::SamplerService::WithCallbackMethod_GetServerInfo<v1::SamplerService::Service>>>>>>;

// What the server tells of itself.
class SamplerService final : public SamplerServiceBase {
 public:
  // `backend` must outlive the service.
  explicit SamplerService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* context,
                                          const v1::GetServerInfoRequest* request,
                                          v1::GetServerInfoResponse* response) override;

 private:
  void Fill(v1::GetServerInfoResponse& info) const;

  const Backend& backend_;
};

// The methods that compute rows. They are served as raw bytes, so that logits stay where they
// arrive, a body which is no request is answered as any other bad argument is, and a call can
// wait for its turn before its request is received.
class RowMethods final : public grpc::CallbackGenericService {
 public:
  // `backend` must outlive the service.
  explicit RowMethods(const Backend& backend) : backend_(backend) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;

 private:
  const Backend& backend_;
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_SERVICE_H_
