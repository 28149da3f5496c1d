#include "server/parse.h"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "server/status.h"

namespace boltzmann::server {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr uint64_t kMinLimit = 64 << 20;

// What an entry that is a string takes besides its text, and at most a byte that belongs to
// no known field.
constexpr uint64_t kStringBytes = sizeof(std::string) + sizeof(void*);
constexpr uint64_t kBytesOfUnknownByte = 24;

WireFormatLite::WireType WireTypeOf(const FieldDescriptor& field) {
  return WireFormatLite::WireTypeForFieldType(static_cast<WireFormatLite::FieldType>(field.type()));
}

// Adds up what the entries of a message on the wire would take as objects.
class EntryMeter {
 public:
  EntryMeter(CodedInputStream& input, uint64_t limit) : input_(input), limit_(limit) {}

  uint64_t bytes() const { return bytes_; }

  // Reads a message to its end. False if it is none, or the limit is passed.
  bool Read(const Descriptor& type) {
    while (const uint32_t tag = input_.ReadTag()) {
      if (!ReadField(type, tag) || bytes_ > limit_) return false;
    }
    return input_.ConsumedEntireMessage();
  }

 private:
  bool ReadField(const Descriptor& type, uint32_t tag) {
    const FieldDescriptor* field = type.FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
    const WireFormatLite::WireType wire_type = WireFormatLite::GetTagWireType(tag);
    const bool framed = wire_type == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
    if (framed && field != nullptr && field->message_type() != nullptr) {
      return ReadEntry(*field->message_type());
    }
    if (framed) bytes_ += kStringBytes;
    const int before = input_.CurrentPosition();
    if (!WireFormatLite::SkipField(&input_, tag)) return false;
    const bool known = framed || (field != nullptr && wire_type == WireTypeOf(*field));
    if (!known) bytes_ += (input_.CurrentPosition() - before + 1) * kBytesOfUnknownByte;
    return true;
  }

  bool ReadEntry(const Descriptor& type) {
    bytes_ += sizeof(void*) + SizeOf(type);
    uint32_t length = 0;
    if (!input_.ReadVarint32(&length)) return false;
    const auto [outer, depth_left] = input_.IncrementRecursionDepthAndPushLimit(length);
    return depth_left >= 0 && Read(type) && input_.DecrementRecursionDepthAndPopLimit(outer);
  }

  // What an empty message of this type takes.
  uint64_t SizeOf(const Descriptor& type) {
    uint64_t& size = sizes_[&type];
    if (size == 0) size = MessageFactory::generated_factory()->GetPrototype(&type)->SpaceUsedLong();
    return size;
  }

  CodedInputStream& input_;
  const uint64_t limit_;
  uint64_t bytes_ = 0;
  std::unordered_map<const Descriptor*, uint64_t> sizes_;
};

absl::Status CheckEntries(grpc::ByteBuffer& body, uint64_t limit, const Descriptor& type) {
  grpc::ProtoBufferReader reader(&body);
  CodedInputStream input(&reader);
  EntryMeter meter(input, limit);
  if (meter.Read(type) || meter.bytes() <= limit) return absl::OkStatus();  // or parsing says no
  return absl::ResourceExhaustedError(
      absl::StrCat("the request's entries would take more than ", limit,
                   " bytes of memory: send fewer in one call, or raise --max_message_bytes"));
}

}  // namespace

absl::Status Parse(grpc::ByteBuffer body, const Limits& limits, Message& request) {
  const Descriptor& type = *request.GetDescriptor();
  const uint64_t limit = std::max<uint64_t>(limits.max_message_bytes, kMinLimit);
  if (absl::Status status = CheckEntries(body, limit, type); !status.ok()) return status;
  grpc::ProtoBufferReader reader(&body);
  if (request.ParseFromZeroCopyStream(&reader) && reader.status().ok()) return absl::OkStatus();
  return BadRequest({{"request", absl::StrCat("the body is not a ", type.full_name())}});
}

}  // namespace boltzmann::server
