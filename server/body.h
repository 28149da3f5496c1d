// The bytes of a request, where gRPC left them.
#ifndef BOLTZMANN_SERVER_BODY_H_
#define BOLTZMANN_SERVER_BODY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/logits.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"

namespace boltzmann::server {

// Bytes of a body that belong together: [begin, begin + size).
struct Extent {
  size_t begin = 0;
  size_t size = 0;
};

// A request's bytes, in the slices in which they came, and its payloads: fields that are too
// large to be copied out of them. A parsed request holds in such a field, in place of the bytes,
// a reference by which they are found here. Not thread-safe; neither copied nor moved.
class Body {
 public:
  explicit Body(grpc::ByteBuffer buffer);
  Body() : Body(grpc::ByteBuffer()) {}

  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  size_t size() const { return size_; }

  // The pieces that hold `extent`, in order, each with where it begins in there.
  // REQUIRES: it lies within the body.
  std::vector<core::LogitSegment> Pieces(const Extent& extent) const;

  // Where the bytes of `extent` lie, if that is in one piece; else nullptr.
  const std::byte* Contiguous(const Extent& extent) const;

  // Remembers a payload, and returns the reference to it: kReferenceBytes bytes.
  std::string AddPayload(const Extent& extent);
  static constexpr size_t kReferenceBytes = sizeof(uint32_t);

  // The payload that `reference` stands for; of an empty string, which is a field that is not set,
  // no bytes. REQUIRES: it was made by AddPayload.
  Extent FindPayload(const std::string& reference) const;

 private:
  // The slice that holds the byte at `position`. REQUIRES: there is such a byte.
  size_t SliceOf(size_t position) const;

  std::vector<grpc::Slice> slices_;  // none is empty
  std::vector<size_t> begins_;       // of each slice, in the body
  size_t size_ = 0;
  std::vector<Extent> payloads_;
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_BODY_H_
