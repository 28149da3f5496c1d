#include "server/outline.h"

#include <limits>
#include <unordered_map>

#include "boltzmann/v1/sampler.pb.h"
#include "google/protobuf/message.h"
#include "google/protobuf/wire_format_lite.h"

namespace boltzmann::server {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::MessageFactory;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

// What an entry that is a string takes besides its text, and at most a byte that belongs to
// no known field.
constexpr uint64_t kStringBytes = sizeof(std::string) + sizeof(void*);
constexpr uint64_t kBytesOfUnknownByte = 24;

// What a payload takes, in lists that grow by doubling.
constexpr uint64_t kPayloadBytes = 2 * (sizeof(Extent) + sizeof(Replacement));

// No length takes more bytes on the wire, nor is it greater.
constexpr size_t kMaxLengthBytes = 5;
constexpr uint64_t kMaxLength = std::numeric_limits<int32_t>::max() - 16;

WireFormatLite::WireType WireTypeOf(const FieldDescriptor& field) {
  return WireFormatLite::WireTypeForFieldType(static_cast<WireFormatLite::FieldType>(field.type()));
}

bool IsPayload(const FieldDescriptor& field) {
  static const FieldDescriptor* const kLogits =
      v1::Logits::descriptor()->FindFieldByNumber(v1::Logits::kInlineDataFieldNumber);
  static const FieldDescriptor* const kDraft =
      v1::DenseDraft::descriptor()->FindFieldByNumber(v1::DenseDraft::kProbabilitiesFieldNumber);
  return &field == kLogits || &field == kDraft;
}

using Sizes = std::unordered_map<const Descriptor*, uint64_t>;

void AddSizes(const Descriptor& type, Sizes& sizes) {
  const auto [entry, added] = sizes.try_emplace(&type, 0);
  if (!added) return;
  entry->second = MessageFactory::generated_factory()->GetPrototype(&type)->SpaceUsedLong();
  for (int i = 0; i < type.field_count(); ++i) {
    if (const Descriptor* within = type.field(i)->message_type()) AddSizes(*within, sizes);
  }
}

// What an empty message of this type takes.
uint64_t SizeOf(const Descriptor& type) {
  static const Sizes* const kSizes = [] {
    auto* sizes = new Sizes;
    const auto& file = *v1::SampleRequest::descriptor()->file();
    for (int i = 0; i < file.message_type_count(); ++i) AddSizes(*file.message_type(i), *sizes);
    return sizes;
  }();
  return kSizes->at(&type);
}

std::string Varint(uint32_t value) {
  uint8_t bytes[kMaxLengthBytes];
  const uint8_t* end = CodedOutputStream::WriteVarint32ToArray(value, bytes);
  return std::string(reinterpret_cast<const char*>(bytes), end - bytes);
}

}  // namespace

bool Outline::Read(const Descriptor& type) {
  while (const uint32_t tag = input_.ReadTag()) {
    if (!ReadField(type, tag) || IsTooLarge()) return false;
  }
  return input_.ConsumedEntireMessage();
}

bool Outline::ReadField(const Descriptor& type, uint32_t tag) {
  const FieldDescriptor* field = type.FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
  const WireFormatLite::WireType wire_type = WireFormatLite::GetTagWireType(tag);
  const bool framed = wire_type == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
  if (framed && field != nullptr && field->message_type() != nullptr) {
    return ReadEntry(*field->message_type());
  }
  if (framed) bytes_ += kStringBytes;
  if (framed && field != nullptr && IsPayload(*field)) return ReadPayload();
  const int before = input_.CurrentPosition();
  if (!WireFormatLite::SkipField(&input_, tag)) return false;
  const bool known = framed || (field != nullptr && wire_type == WireTypeOf(*field));
  if (!known) bytes_ += (input_.CurrentPosition() - before + 1) * kBytesOfUnknownByte;
  return true;
}

bool Outline::ReadLength(int& length, Extent& extent) {
  extent.begin = input_.CurrentPosition();
  uint64_t read = 0;
  if (!input_.ReadVarint64(&read)) return false;
  extent.size = input_.CurrentPosition() - extent.begin;
  length = static_cast<int>(read);
  return extent.size <= kMaxLengthBytes && read <= kMaxLength;
}

bool Outline::ReadEntry(const Descriptor& type) {
  bytes_ += sizeof(void*) + SizeOf(type);
  int length = 0;
  Extent prefix;
  if (!ReadLength(length, prefix)) return false;
  const int end = input_.CurrentPosition() + length;
  const size_t own = replacements_.size();
  replacements_.push_back({prefix, ""});  // goes before those of what is within
  const int64_t grown_before = grown_;
  const auto [outer, depth_left] = input_.IncrementRecursionDepthAndPushLimit(length);
  if (depth_left < 0 || !Read(type) || input_.CurrentPosition() != end) return false;
  if (!input_.DecrementRecursionDepthAndPopLimit(outer)) return false;
  if (replacements_.size() == own + 1) {
    replacements_.pop_back();
    return true;
  }
  replacements_[own].by = Varint(static_cast<uint32_t>(length + (grown_ - grown_before)));
  grown_ += static_cast<int64_t>(replacements_[own].by.size()) - static_cast<int64_t>(prefix.size);
  return true;
}

bool Outline::ReadPayload() {
  bytes_ += kPayloadBytes;
  int length = 0;
  Extent replaced;
  if (!ReadLength(length, replaced)) return false;
  const auto begin = static_cast<size_t>(input_.CurrentPosition());
  if (!input_.Skip(length)) return false;
  const auto size = static_cast<size_t>(length);
  replaced.size += size;
  const std::string reference = body_.AddPayload({begin, size});
  replacements_.push_back({replaced, Varint(Body::kReferenceBytes) + reference});
  grown_ +=
      static_cast<int64_t>(replacements_.back().by.size()) - static_cast<int64_t>(replaced.size);
  return true;
}

}  // namespace boltzmann::server
