// Servers and calls for tests of what happens while calls run.
#ifndef BOLTZMANN_TESTS_SERVER_HEAVY_H_
#define BOLTZMANN_TESTS_SERVER_HEAVY_H_

#include <future>
#include <memory>
#include <string>

#include "boltzmann/v1/sampler.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "server/server.h"

namespace boltzmann::test {

// A server on a free port with one worker, and whatever `options` says besides.
std::unique_ptr<server::Server> StartServer(server::ServerOptions options = server::ServerOptions());

std::unique_ptr<v1::SamplerService::Stub> Connect(const server::Server& server);

// A call of `rows` rows, each of which takes a worker some tenths of a second.
v1::SampleRequest HeavyRequest(int rows);

// A call under way on a thread of its own.
struct RunningCall {
  std::shared_ptr<grpc::ClientContext> context;
  std::shared_ptr<v1::SampleResponse> response;
  std::future<grpc::Status> status;
};

RunningCall StartCall(v1::SamplerService::Stub& stub, const v1::SampleRequest& request);

// Sends calls of one tiny row until one is answered with this code, or a minute has
// passed. Returns the last answer.
grpc::Status CallUntil(v1::SamplerService::Stub& stub, grpc::StatusCode code);

// Starts a call of `rows` rows that the server, which takes one call at a time and lets none
// wait, is working on. If another call was in its way, it is sent again.
RunningCall Occupy(v1::SamplerService::Stub& stub, int rows);

// A server that is working on one heavy call, and has room for no other.
struct BusyServer {
  explicit BusyServer(int rows);

  std::unique_ptr<server::Server> server;
  std::unique_ptr<v1::SamplerService::Stub> stub;
  RunningCall call;
};

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_SERVER_HEAVY_H_
