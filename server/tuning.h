// How the process and its sockets are set up to receive megabytes at a time.
#ifndef BOLTZMANN_SERVER_TUNING_H_
#define BOLTZMANN_SERVER_TUNING_H_

namespace grpc {
class ServerBuilder;
}  // namespace grpc

namespace boltzmann::server {

// Keeps the memory of requests that have come and gone, all of it in one arena: mapping and
// unmapping it for each costs more than receiving it. For the whole process; call it first.
void KeepMemory();

// Has a large request read in few, large slices.
void TuneSockets(grpc::ServerBuilder& builder);

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_TUNING_H_
