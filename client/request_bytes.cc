#include "client/request_bytes.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <grpcpp/support/slice.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace boltzmann::client {
namespace {

using google::protobuf::Message;

constexpr int kLogitsField = v1::SampleRequest::kLogitsFieldNumber;
static_assert(kLogitsField == v1::ScoreRequest::kLogitsFieldNumber);
static_assert(kLogitsField == v1::VerifyRequest::kLogitsFieldNumber);
static_assert(kLogitsField == v1::DescribeRequest::kLogitsFieldNumber);

// What stands before a field of `length` bytes: its tag and its length.
std::string FieldHeader(int number, size_t length) {
  constexpr uint32_t kLengthDelimited = 2;
  std::string header;
  google::protobuf::io::StringOutputStream raw(&header);
  google::protobuf::io::CodedOutputStream out(&raw);
  out.WriteTag(static_cast<uint32_t>(number) << 3 | kLengthDelimited);
  out.WriteVarint64(length);
  out.Trim();
  return header;
}

// What stands before `size` bytes of logits, at the end of a request.
std::string LogitsHeader(size_t size) {
  const std::string inner = FieldHeader(v1::Logits::kInlineDataFieldNumber, size);
  return FieldHeader(kLogitsField, inner.size() + size) + inner;
}

// What stands before a request of `size` bytes.
std::string EnvelopeHeader(Envelope envelope, size_t size) {
  if (envelope == Envelope::kNone) return "";
  return FieldHeader(v1::StreamSampleRequest::kRequestFieldNumber, size);
}

absl::Status CheckSize(size_t bytes) {
  if (bytes <= std::numeric_limits<int>::max()) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("the request has ", bytes,
                   " bytes, and no message may have 2 GiB: send fewer rows in a call"));
}

// `before`, the request and `after` in one block. The request's size must be cached.
grpc::Slice Concatenate(const std::string& before, const Message& request,
                        const std::string& after) {
  grpc::Slice slice(before.size() + static_cast<size_t>(request.GetCachedSize()) + after.size());
  auto* at = const_cast<uint8_t*>(slice.begin());  // nobody else has it yet
  at = static_cast<uint8_t*>(std::memcpy(at, before.data(), before.size())) + before.size();
  at = request.SerializeWithCachedSizesToArray(at);
  std::memcpy(at, after.data(), after.size());
  return slice;
}

// A slice over the payload, that holds its owner.
grpc::Slice SliceOf(Payload payload) {
  using Owner = std::shared_ptr<const void>;
  const auto release = [](void* owner) { delete static_cast<Owner*>(owner); };
  return grpc::Slice(const_cast<void*>(payload.data), payload.size, release,
                     new Owner(std::move(payload.owner)));
}

}  // namespace

absl::StatusOr<grpc::ByteBuffer> RequestBytes(const Message& request, Envelope envelope) {
  const size_t size = request.ByteSizeLong();
  const std::string before = EnvelopeHeader(envelope, size);
  if (absl::Status status = CheckSize(before.size() + size); !status.ok()) return status;
  const grpc::Slice slice = Concatenate(before, request, "");
  return grpc::ByteBuffer(&slice, 1);
}

absl::StatusOr<grpc::ByteBuffer> RequestBytes(const Message& request, const v1::Logits& logits,
                                              Payload inline_data, Envelope envelope) {
  if (logits.source_case() != v1::Logits::SOURCE_NOT_SET) {
    return absl::InvalidArgumentError(
        "logits: have a source besides the inline_data given apart: leave it unset");
  }
  const std::string logits_header = LogitsHeader(inline_data.size);
  const size_t size = request.ByteSizeLong() + logits_header.size() + inline_data.size;
  const std::string before = EnvelopeHeader(envelope, size);
  if (absl::Status status = CheckSize(before.size() + size); !status.ok()) return status;
  const grpc::Slice slices[] = {Concatenate(before, request, logits_header),
                                SliceOf(std::move(inline_data))};
  return grpc::ByteBuffer(slices, 2);
}

}  // namespace boltzmann::client
