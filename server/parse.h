// Bytes into requests, without copying logits and without letting a few bytes take much memory.
#ifndef BOLTZMANN_SERVER_PARSE_H_
#define BOLTZMANN_SERVER_PARSE_H_

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "server/body.h"
#include "server/limits.h"

namespace boltzmann::server {

// Parses `body` into `request`, as protobuf would. Payloads (`Logits.inline_data` and
// `DenseDraft.probabilities`) stay in the body; their fields are set to references to them.
//
// An entry of two bytes can become an object of hundreds, so what the entries would take is
// added up before any is made. Two passes over the body that jump over payloads; the
// first jumps over packed lists too.
//
// INVALID_ARGUMENT (BadRequest) if the body is no such request; RESOURCE_EXHAUSTED if its
// entries would take more than max_message_bytes, or 64 MiB if that is more.
absl::Status Parse(Body& body, const Limits& limits, google::protobuf::Message& request);

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_PARSE_H_
