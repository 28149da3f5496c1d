#include "tests/bench/transport/sink.h"

#include <cstdlib>
#include <iostream>

#include "boltzmann/v1/sampler.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "server/tuning.h"

namespace boltzmann::bench {
namespace {

constexpr char kPrefix[] = "rows-";

// As many rows as the caller's name says.
v1::SampleResponse AnswerFor(const grpc::CallbackServerContext& context) {
  const auto found = context.client_metadata().find("boltzmann-caller");
  v1::SampleResponse response;
  if (found == context.client_metadata().end()) return response;
  const std::string name(found->second.data(), found->second.size());
  const int rows = std::atoi(name.substr(std::min(name.size(), sizeof(kPrefix) - 1)).c_str());
  for (int i = 0; i < rows; ++i) {
    v1::RowResult& result = *response.add_results();
    result.set_status(v1::ROW_STATUS_OK);
    result.set_seed(1);
    result.mutable_drawn()->add_token_ids(100000);
    result.mutable_drawn()->add_model_logprobs(-1.5f);
    result.mutable_drawn()->add_sampled_logprobs(-1.25f);
  }
  return response;
}

grpc::ByteBuffer BytesOf(const google::protobuf::Message& message) {
  const std::string bytes = message.SerializeAsString();
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

class SinkStream final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit SinkStream(const grpc::CallbackServerContext& context) {
    v1::StreamSampleResponse response;
    *response.mutable_response() = AnswerFor(context);
    reply_ = BytesOf(response);
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    request_.Clear();
    StartWrite(&reply_);
  }
  void OnWriteDone(bool ok) override {
    if (ok) StartRead(&request_);
  }
  void OnDone() override { delete this; }

 private:
  grpc::ByteBuffer request_;
  grpc::ByteBuffer reply_;
};

class Sink final
    : public v1::SamplerService::WithRawCallbackMethod_Sample<
          v1::SamplerService::WithRawCallbackMethod_StreamSample<v1::SamplerService::Service>> {
  grpc::ServerUnaryReactor* Sample(grpc::CallbackServerContext* context, const grpc::ByteBuffer*,
                                   grpc::ByteBuffer* response) override {
    *response = BytesOf(AnswerFor(*context));
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StreamSample(
      grpc::CallbackServerContext* context) override {
    return new SinkStream(*context);
  }
};

}  // namespace

std::string SinkCaller(int row_count) { return kPrefix + std::to_string(row_count); }

int RunSink(const std::vector<std::string>& addresses) {
  server::KeepMemory();
  Sink sink;
  grpc::ServerBuilder builder;
  builder.RegisterService(&sink);
  builder.SetMaxReceiveMessageSize(-1);
  server::TuneSockets(false, builder);
  for (const std::string& address : addresses) {
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  }
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::cout << "ready" << std::endl;
  server->Wait();
  return 0;
}

}  // namespace boltzmann::bench
