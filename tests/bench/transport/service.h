// The servers under test, each a process of its own.
#ifndef BOLTZMANN_TESTS_BENCH_TRANSPORT_SERVICE_H_
#define BOLTZMANN_TESTS_BENCH_TRANSPORT_SERVICE_H_

#include <memory>
#include <string>

#include "client/client.h"
#include "client/shared_region.h"
#include "tests/bench/transport/callers.h"
#include "tests/bench/transport/workload.h"
#include "tests/process.h"
#include "tests/temporary_directory.h"

namespace boltzmann::bench {

// The program `boltzmann-server`: beside this one.
std::string ServerProgram();

// The sampler or the sink, listening on a TCP port and on a Unix socket.
class Service {
 public:
  static std::unique_ptr<Service> StartSampler();
  // This program again, with --sink.
  static std::unique_ptr<Service> StartSink();

  // A client of its own over "tcp" or "unix". Ends this program if it is not answered.
  client::Client Connect(const std::string& socket, const std::string& caller = "") const;

  // A region with the workload's dense logits. Ends this program if there is none to be had.
  std::unique_ptr<client::SharedRegion> Share(const Workload& workload) const;

 private:
  Service() = default;

  const test::TemporaryDirectory directory_;
  const std::string tcp_ = test::FreeAddress();
  const std::string unix_ = "unix:" + directory_.Of("socket");
  std::unique_ptr<test::Process> process_;
};

// The workload as a call carries it: inline or sparse, or, with a region, named there.
Message MessageOf(const Workload& workload, const client::SharedRegion* region = nullptr);

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_TRANSPORT_SERVICE_H_
