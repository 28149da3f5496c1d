// Errors on their way out: absl::Status inside, grpc::Status on the wire.
#ifndef BOLTZMANN_SERVER_STATUS_H_
#define BOLTZMANN_SERVER_STATUS_H_

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "boltzmann/rpc/v1/error.pb.h"
#include "core/params.h"
#include "google/protobuf/duration.pb.h"
#include "grpcpp/support/status.h"

namespace boltzmann::server {

// INVALID_ARGUMENT with a google.rpc.BadRequest that lists the violations. A response
// header holds 8 KB at most, so a list too long for one ends with how many were left
// out. REQUIRES: there is at least one.
absl::Status BadRequest(const std::vector<core::Violation>& violations);

google::protobuf::Duration ToProto(std::chrono::nanoseconds duration);

// RESOURCE_EXHAUSTED with a google.rpc.RetryInfo: there is no room, but there will be.
absl::Status RetryAfter(std::chrono::milliseconds delay, const std::string& message);

// What gRPC's own retries are to wait for, in milliseconds, as the metadata
// `grpc-retry-pushback-ms` has it: of an error that they might try again. -1 if that cannot help.
std::optional<std::string> PushbackMs(const absl::Status& status);

// The same code, message and details, as a message.
rpc::v1::Status ToProto(const absl::Status& status);

// The same code, message and details, as gRPC sends them: details travel as a
// google.rpc.Status.
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_STATUS_H_
