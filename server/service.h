// SamplerService on gRPC's callback API.
#ifndef BOLTZMANN_SERVER_SERVICE_H_
#define BOLTZMANN_SERVER_SERVICE_H_

#include "boltzmann/v1/sampler.grpc.pb.h"
#include "core/engine.h"
#include "server/admission.h"
#include "server/limits.h"

namespace boltzmann::server {

// Requests that hold logits are taken as raw bytes, so that a body which is none is answered
// as any other bad argument.
using SamplerServiceBase = v1::SamplerService::WithRawCallbackMethod_Sample<
    v1::SamplerService::WithRawCallbackMethod_StreamSample<
        v1::SamplerService::WithRawCallbackMethod_Score<
            v1::SamplerService::WithRawCallbackMethod_Verify<
                v1::SamplerService::WithRawCallbackMethod_Describe<
                    v1::SamplerService::WithCallbackMethod_GetServerInfo<
                        v1::SamplerService::Service>>>>>>;

// Each call is a straight line: decode, enter, sample, encode, finish. Decoding happens
// on gRPC's thread; the engine's workers do the rest.
class SamplerService final : public SamplerServiceBase {
 public:
  // All must outlive the service.
  SamplerService(const Limits& limits, core::Engine& engine, Admission& admission)
      : limits_(limits), engine_(engine), admission_(admission) {}

  grpc::ServerUnaryReactor* Sample(grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override;

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StreamSample(
      grpc::CallbackServerContext* context) override;

  grpc::ServerUnaryReactor* Score(grpc::CallbackServerContext* context,
                                  const grpc::ByteBuffer* request,
                                  grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* Verify(grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* Describe(grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* context,
                                          const v1::GetServerInfoRequest* request,
                                          v1::GetServerInfoResponse* response) override;

 private:
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Start(const char* method, grpc::CallbackServerContext& context,
                                  const grpc::ByteBuffer& request, grpc::ByteBuffer& response);

  const Limits& limits_;
  core::Engine& engine_;
  Admission& admission_;
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_SERVICE_H_
