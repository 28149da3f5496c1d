// A server whose answers the test decides, on a free port of the loopback interface.
#ifndef BOLTZMANN_TESTS_CLIENT_FAKE_SERVER_H_
#define BOLTZMANN_TESTS_CLIENT_FAKE_SERVER_H_

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "boltzmann/v1/sampler.grpc.pb.h"

namespace boltzmann::test {

// Answers Sample as it is told, and keeps every request and deadline that it saw.
class FakeService : public v1::SamplerService::Service {
 public:
  using Answer = std::function<grpc::Status(grpc::ServerContext&, const v1::SampleRequest&,
                                            v1::SampleResponse&)>;

  explicit FakeService(Answer answer) : answer_(std::move(answer)) {}

  grpc::Status Sample(grpc::ServerContext* context, const v1::SampleRequest* request,
                      v1::SampleResponse* response) override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      requests_.push_back(*request);
      deadlines_.push_back(context->deadline());
    }
    return answer_(*context, *request, *response);
  }

  grpc::Status GetServerInfo(grpc::ServerContext* context, const v1::GetServerInfoRequest*,
                             v1::GetServerInfoResponse* response) override {
    std::lock_guard<std::mutex> lock(mutex_);
    deadlines_.push_back(context->deadline());
    response->set_version("1.2.3");
    response->add_stages("temperature");
    response->add_data_types(v1::DATA_TYPE_FLOAT16);
    response->mutable_limits()->set_max_row_count(77);
    return grpc::Status::OK;
  }

  std::vector<v1::SampleRequest> requests() {
    std::lock_guard<std::mutex> lock(mutex_);
    return requests_;
  }

  std::vector<std::chrono::system_clock::time_point> deadlines() {
    std::lock_guard<std::mutex> lock(mutex_);
    return deadlines_;
  }

 private:
  const Answer answer_;
  std::mutex mutex_;
  std::vector<v1::SampleRequest> requests_;
  std::vector<std::chrono::system_clock::time_point> deadlines_;
};

class FakeServer {
 public:
  explicit FakeServer(FakeService::Answer answer) : service_(std::move(answer)) {
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(-1);
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
  }

  ~FakeServer() { server_->Shutdown(std::chrono::system_clock::now()); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  FakeService& service() { return service_; }
  grpc::Server& grpc_server() { return *server_; }

 private:
  FakeService service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// An answer that gives every row the token of its largest float32 logit, the seed that it came
// with, or 1000 + row, and a log-prob.
grpc::Status AnswerGreedily(grpc::ServerContext& context, const v1::SampleRequest& request,
                            v1::SampleResponse& response);

// An answer that is always `status`.
FakeService::Answer AnswerAlways(const grpc::Status& status);

// A request with `rows` packed float32 rows of `vocab_size` zeros.
v1::SampleRequest ZeroLogits(uint32_t rows, uint32_t vocab_size);

// The float32 logits of a request, all rows.
std::vector<float> InlineLogits(const v1::SampleRequest& request);

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CLIENT_FAKE_SERVER_H_
