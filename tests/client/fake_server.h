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
#include "tests/client/fake_regions.h"

namespace boltzmann::test {

// One method that takes a batch: answers as it is told, and keeps every request that it saw.
template <typename Request, typename Response>
class FakeMethod {
 public:
  using Answer = std::function<grpc::Status(grpc::ServerContext&, const Request&, Response&)>;

  explicit FakeMethod(Answer answer) : answer_(std::move(answer)) {}

  // Not while calls are under way.
  void AnswerWith(Answer answer) { answer_ = std::move(answer); }

  grpc::Status Call(grpc::ServerContext& context, const Request& request, Response& response) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      requests_.push_back(request);
    }
    return answer_(context, request, response);
  }

  std::vector<Request> requests() {
    std::lock_guard<std::mutex> lock(mutex_);
    return requests_;
  }

 private:
  Answer answer_;
  std::mutex mutex_;
  std::vector<Request> requests_;
};

// An answer with an entry of status OK for each row.
grpc::Status ScoreEveryRow(grpc::ServerContext& context, const v1::ScoreRequest& request,
                           v1::ScoreResponse& response);
grpc::Status DescribeEveryRow(grpc::ServerContext& context, const v1::DescribeRequest& request,
                              v1::DescribeResponse& response);
// An answer that accepts every draft.
grpc::Status AcceptEveryDraft(grpc::ServerContext& context, const v1::VerifyRequest& request,
                              v1::VerifyResponse& response);

// Answers as it is told, and keeps every request, deadline, caller and token that it saw.
class FakeService : public v1::SamplerService::Service {
 public:
  using Answer = FakeMethod<v1::SampleRequest, v1::SampleResponse>::Answer;

  explicit FakeService(Answer answer) : sample_(std::move(answer)) {}

  grpc::Status Sample(grpc::ServerContext* context, const v1::SampleRequest* request,
                      v1::SampleResponse* response) override {
    Keep(*context);
    return sample_.Call(*context, *request, *response);
  }

  // As Sample, request after request; an error is told in the reply.
  grpc::Status StreamSample(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::StreamSampleResponse, v1::StreamSampleRequest>* stream) override;

  grpc::Status Score(grpc::ServerContext* context, const v1::ScoreRequest* request,
                     v1::ScoreResponse* response) override {
    Keep(*context);
    return score.Call(*context, *request, *response);
  }

  grpc::Status Verify(grpc::ServerContext* context, const v1::VerifyRequest* request,
                      v1::VerifyResponse* response) override {
    Keep(*context);
    return verify.Call(*context, *request, *response);
  }

  grpc::Status Describe(grpc::ServerContext* context, const v1::DescribeRequest* request,
                        v1::DescribeResponse* response) override {
    Keep(*context);
    return describe.Call(*context, *request, *response);
  }

  grpc::Status GetServerInfo(grpc::ServerContext* context, const v1::GetServerInfoRequest*,
                             v1::GetServerInfoResponse* response) override {
    Keep(*context);
    response->set_version("1.2.3");
    response->add_stages("temperature");
    response->add_data_types(v1::DATA_TYPE_FLOAT16);
    response->mutable_limits()->set_max_row_count(77);
    response->mutable_limits()->mutable_max_region_lease()->set_seconds(600);
    response->set_shared_memory_enabled(true);
    response->mutable_counters()->set_pushed_back_count(99);
    return grpc::Status::OK;
  }

  // Those of Sample.
  std::vector<v1::SampleRequest> requests() { return sample_.requests(); }

  std::vector<std::chrono::system_clock::time_point> deadlines() {
    std::lock_guard<std::mutex> lock(mutex_);
    return deadlines_;
  }

  // The values of `boltzmann-caller`; empty for a call without.
  std::vector<std::string> callers() {
    std::lock_guard<std::mutex> lock(mutex_);
    return callers_;
  }

  // The values of `authorization`; empty for a call without.
  std::vector<std::string> authorizations() {
    std::lock_guard<std::mutex> lock(mutex_);
    return authorizations_;
  }

  FakeMethod<v1::ScoreRequest, v1::ScoreResponse> score{ScoreEveryRow};
  FakeMethod<v1::VerifyRequest, v1::VerifyResponse> verify{AcceptEveryDraft};
  FakeMethod<v1::DescribeRequest, v1::DescribeResponse> describe{DescribeEveryRow};

 private:
  void Keep(const grpc::ServerContext& context);

  FakeMethod<v1::SampleRequest, v1::SampleResponse> sample_;
  std::mutex mutex_;
  std::vector<std::chrono::system_clock::time_point> deadlines_;
  std::vector<std::string> callers_;
  std::vector<std::string> authorizations_;
};

class FakeServer {
 public:
  explicit FakeServer(FakeService::Answer answer,
                      const std::shared_ptr<grpc::ServerCredentials>& credentials =
                          grpc::InsecureServerCredentials())
      : service_(std::move(answer)) {
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(-1);
    builder.AddListeningPort("127.0.0.1:0", credentials, &port_);
    builder.RegisterService(&service_);
    builder.RegisterService(&regions_);
    server_ = builder.BuildAndStart();
  }

  ~FakeServer() { server_->Shutdown(std::chrono::system_clock::now()); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  FakeService& service() { return service_; }
  FakeRegions& regions() { return regions_; }
  grpc::Server& grpc_server() { return *server_; }

 private:
  FakeService service_;
  FakeRegions regions_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// An answer that gives every row the token of its largest float32 logit (0 if the rows are sparse),
// the seed that it came with, or 1000 + row, and a log-prob.
grpc::Status AnswerGreedily(grpc::ServerContext& context, const v1::SampleRequest& request,
                            v1::SampleResponse& response);

// The same, with rows of shared memory read from `regions`, which must outlive it.
FakeService::Answer AnswerGreedilyFrom(FakeRegions& regions);

// An answer that is always `status`.
FakeService::Answer AnswerAlways(const grpc::Status& status);

// A request with `rows` packed float32 rows of `vocab_size` zeros.
template <typename Request = v1::SampleRequest>
Request ZeroLogits(uint32_t rows, uint32_t vocab_size) {
  Request request;
  request.mutable_logits()->set_data_type(v1::DATA_TYPE_FLOAT32);
  request.mutable_logits()->set_row_count(rows);
  request.mutable_logits()->set_vocab_size(vocab_size);
  request.mutable_logits()->set_inline_data(std::string(size_t{4} * rows * vocab_size, '\0'));
  return request;
}

// The float32 logits of a request, all rows.
std::vector<float> InlineLogits(const v1::SampleRequest& request);

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CLIENT_FAKE_SERVER_H_
