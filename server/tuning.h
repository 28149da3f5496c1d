// How the process and its connections are set up: to receive megabytes at a time, and to be held up
// by nobody.
#ifndef BOLTZMANN_SERVER_TUNING_H_
#define BOLTZMANN_SERVER_TUNING_H_

#include "server/limits.h"

namespace grpc {
class ServerBuilder;
}  // namespace grpc

namespace boltzmann::server {

// Keeps the memory of requests that have come and gone, all of it in one arena: mapping and
// unmapping it for each costs more than receiving it. For the whole process; call it first.
void KeepMemory();

// Has a large request read in few, large slices: smaller ones if connections have TLS.
void TuneSockets(bool tls, grpc::ServerBuilder& builder);

// Bounds what connections may take, however their callers behave: time, headers, streams.
void BoundConnections(const Limits& limits, grpc::ServerBuilder& builder);

// Leaves out gRPC's own services that serve anybody: reflection and channelz, but not health.
void LeavePluginsOut(grpc::ServerBuilder& builder);

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_TUNING_H_
