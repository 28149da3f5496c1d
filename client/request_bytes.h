// Requests as they go over the wire.
#ifndef BOLTZMANN_CLIENT_REQUEST_BYTES_H_
#define BOLTZMANN_CLIENT_REQUEST_BYTES_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include "absl/status/statusor.h"
#include "boltzmann/v1/sampler.pb.h"
#include "client/payload.h"

namespace boltzmann::client {

// What the bytes are of: the request itself, or a StreamSampleRequest that carries it.
enum class Envelope { kNone, kStreamSampleRequest };

// The bytes of `request`. RESOURCE_EXHAUSTED if they are 2 GiB or more, which is protobuf's limit.
// Copies the request once, into one block of memory.
absl::StatusOr<grpc::ByteBuffer> RequestBytes(const google::protobuf::Message& request,
                                              Envelope envelope = Envelope::kNone);

// The same for a request of any method that takes a batch, of which `logits` are the logits, with
// `inline_data` in them: these are not copied, but sent from where they lie. (They follow as a
// second `logits`, which every parser of protobuf's format merges with the first.)
// INVALID_ARGUMENT if `logits` has a source besides. On failure their owner is released at once.
absl::StatusOr<grpc::ByteBuffer> RequestBytes(const google::protobuf::Message& request,
                                              const v1::Logits& logits, Payload inline_data,
                                              Envelope envelope = Envelope::kNone);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_REQUEST_BYTES_H_
