// Bytes into requests, without letting a few of them take much memory.
#ifndef BOLTZMANN_SERVER_PARSE_H_
#define BOLTZMANN_SERVER_PARSE_H_

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/limits.h"

namespace boltzmann::server {

// Parses `body` into `request`. An entry of two bytes can become an object of hundreds, so
// what the entries would take is added up before any is made; the first pass jumps over
// logits and packed lists.
//
// INVALID_ARGUMENT (BadRequest) if the body is no such request; RESOURCE_EXHAUSTED if its
// entries would take more than max_message_bytes, or 64 MiB if that is more.
absl::Status Parse(grpc::ByteBuffer body, const Limits& limits, google::protobuf::Message& request);

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_PARSE_H_
