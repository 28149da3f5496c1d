// Ways to have a workload sampled, again and again.
#ifndef BOLTZMANN_TESTS_BENCH_TRANSPORT_CALLERS_H_
#define BOLTZMANN_TESTS_BENCH_TRANSPORT_CALLERS_H_

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "boltzmann/v1/sampler.pb.h"
#include "client/client.h"
#include "client/payload.h"
#include "client/sample_stream.h"
#include "core/engine.h"
#include "tests/bench/transport/workload.h"

namespace boltzmann::bench {

class Caller {
 public:
  virtual ~Caller() = default;

  // Makes `count` calls, and adds to `us` how long each took, in microseconds.
  virtual absl::Status Run(int count, std::vector<double>& us) = 0;

  // The answer to the last call; empty if it was not one over gRPC.
  virtual const v1::SampleResponse& response() const = 0;
};

// What one call carries. The payload, if there is one, must outlive the caller.
struct Message {
  v1::SampleRequest request;
  client::Payload inline_data = {};
};

// The engine in this process. Neither is owned.
std::unique_ptr<Caller> CallInProcess(core::Engine& engine, Workload& workload);

// One call after the other.
std::unique_ptr<Caller> CallUnary(const client::Client& client, Message message);

// One stream, with up to `in_flight` steps at a time. Ends this program if it cannot be opened.
std::unique_ptr<Caller> CallOnStream(const client::Client& client, Message message, int in_flight);

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_TRANSPORT_CALLERS_H_
