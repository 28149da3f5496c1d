// What gRPC alone can do: a server that takes the bytes and throws them away.
#ifndef BOLTZMANN_TESTS_BENCH_TRANSPORT_SINK_H_
#define BOLTZMANN_TESTS_BENCH_TRANSPORT_SINK_H_

#include <string>
#include <vector>

namespace boltzmann::bench {

// The caller's name (see client::ClientOptions) with which the sink answers `row_count` rows, as
// large as a sampler's answer. It never looks into a request.
std::string SinkCaller(int row_count);

// Listens on these addresses until the process is killed, with the server's own settings of memory
// and sockets. Writes "ready" to standard output once it does.
int RunSink(const std::vector<std::string>& addresses);

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_TRANSPORT_SINK_H_
