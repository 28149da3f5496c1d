#include "tests/server/heavy.h"

#include <chrono>
#include <thread>

#include "gtest/gtest.h"
#include "tests/conformance/requests.h"
#include "tests/counters.h"

namespace boltzmann::test {

std::unique_ptr<server::Server> StartServer(server::ServerOptions options) {
  if (options.listen == server::ServerOptions().listen) options.listen = {"127.0.0.1:0"};
  if (options.worker_count == 0) options.worker_count = 1;
  auto server = server::Server::Start(options);
  EXPECT_TRUE(server.ok()) << server.status();
  return server.ok() ? *std::move(server) : nullptr;
}

std::unique_ptr<v1::SamplerService::Stub> Connect(const server::Server& server) {
  return v1::SamplerService::NewStub(
      grpc::CreateChannel(server.addresses().front(), grpc::InsecureChannelCredentials()));
}

namespace {

// How many of 100,000 equal tokens a heavy row draws.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr uint32_t kHeavyDraws = 10000;
#else
constexpr uint32_t kHeavyDraws = 100000;
#endif

}  // namespace

v1::SampleRequest HeavyRequest(int rows) {
  v1::SampleRequest request =
      RequestOf(std::vector<std::vector<float>>(rows, std::vector<float>(100000, 0)));
  for (int i = 0; i < rows; ++i) request.add_rows()->set_draw_count(kHeavyDraws);
  // Without log-probs the reply of four rows stays below gRPC's default of 4 MB.
  request.add_outputs()->set_logprobs(v1::LOGPROB_MODE_NONE);
  return request;
}

RunningCall StartCall(v1::SamplerService::Stub& stub, const v1::SampleRequest& request) {
  RunningCall call;
  call.context = std::make_shared<grpc::ClientContext>();
  call.response = std::make_shared<v1::SampleResponse>();
  call.status = std::async(std::launch::async,
                           [&stub, request, context = call.context, response = call.response] {
                             return stub.Sample(context.get(), request, response.get());
                           });
  return call;
}

namespace {

grpc::Status CallOnce(v1::SamplerService::Stub& stub) {
  grpc::ClientContext context;
  v1::SampleResponse response;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
  return stub.Sample(&context, RequestOf({{0, 1}}), &response);
}

bool Ended(const RunningCall& call) {
  return call.status.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

// Whether the server is at work on one call. A refusal alone does not tell: the turn of a call that
// has just been answered may still be ending.
bool IsAtWork(v1::SamplerService::Stub& stub) {
  grpc::ClientContext context;
  v1::GetServerInfoResponse info;
  EXPECT_TRUE(stub.GetServerInfo(&context, {}, &info).ok());
  return info.counters().begun_count() == EndedOf(info.counters()) + 1;
}

}  // namespace

grpc::Status CallUntil(v1::SamplerService::Stub& stub, grpc::StatusCode code) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  grpc::Status status = CallOnce(stub);
  while (status.error_code() != code && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    status = CallOnce(stub);
  }
  return status;
}

RunningCall Occupy(v1::SamplerService::Stub& stub, int rows) {
  const v1::SampleRequest request = HeavyRequest(rows);
  for (int tries = 0; tries < 100; ++tries) {
    RunningCall call = StartCall(stub, request);
    while (!Ended(call)) {
      if (CallOnce(stub).error_code() == grpc::RESOURCE_EXHAUSTED && IsAtWork(stub) &&
          !Ended(call)) {
        return call;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  ADD_FAILURE() << "the heavy call never entered";
  return StartCall(stub, request);
}

BusyServer::BusyServer(int rows) {
  server::ServerOptions options;
  options.limits.max_calls_in_flight = 1;
  options.limits.max_calls_waiting = 0;
  server = StartServer(options);
  stub = Connect(*server);
  call = Occupy(*stub, rows);
}

}  // namespace boltzmann::test
