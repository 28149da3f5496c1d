// Requests as the server decodes them, without a server.
#ifndef BOLTZMANN_TESTS_CONFORMANCE_PARSED_H_
#define BOLTZMANN_TESTS_CONFORMANCE_PARSED_H_

#include <string>

#include "absl/status/status.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "server/convert.h"
#include "server/parse.h"

namespace boltzmann::test {

// A request that has gone over the wire, what is left there of it, and what it was decoded to.
template <typename Request>
struct Parsed {
  explicit Parsed(const Request& sent, const server::Limits& limits = {},
                  server::Regions* regions = nullptr)
      : slice(sent.SerializeAsString()), body(grpc::ByteBuffer(&slice, 1)) {
    status = server::Parse(body, limits, request);
    if (status.ok()) status = server::Decode(request, {body, limits, regions}, decoded);
  }

  grpc::Slice slice;
  server::Body body;
  Request request;
  server::DecodedRequest decoded;
  absl::Status status;
};

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CONFORMANCE_PARSED_H_
