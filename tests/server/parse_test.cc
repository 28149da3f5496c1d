// Bytes into requests: what protobuf's own parser makes of them, with the logits left where they
// lie.
#include "server/parse.h"

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "boltzmann/v1/sampler.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "grpcpp/support/byte_buffer.h"
#include "gtest/gtest.h"
#include "tests/conformance/requests.h"

namespace boltzmann::test {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using server::Body;
using server::Extent;
using testing::HasSubstr;

// These bytes in slices that end at these places.
grpc::ByteBuffer Sliced(const std::string& bytes, std::vector<size_t> ends) {
  ends.push_back(bytes.size());
  std::vector<grpc::Slice> slices;
  size_t begin = 0;
  for (size_t end : ends) {
    slices.emplace_back(bytes.substr(begin, end - begin));
    begin = end;
  }
  return grpc::ByteBuffer(slices.data(), slices.size());
}

std::string Read(const Body& body, const Extent& extent) {
  std::string bytes;
  const auto pieces = body.Pieces(extent);
  for (size_t i = 0; i < pieces.size(); ++i) {
    const size_t end = i + 1 < pieces.size() ? pieces[i + 1].begin : extent.size;
    EXPECT_EQ(pieces[i].begin, bytes.size());
    bytes.append(reinterpret_cast<const char*>(pieces[i].data), end - pieces[i].begin);
  }
  return bytes;
}

// Puts the payloads back into the fields that refer to them.
void Restore(const Body& body, Message& message) {
  std::vector<const FieldDescriptor*> fields;
  const auto& reflection = *message.GetReflection();
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const bool payload = field->full_name() == "boltzmann.v1.Logits.inline_data" ||
                         field->full_name() == "boltzmann.v1.DenseDraft.probabilities";
    if (payload) {
      const Extent extent = body.FindPayload(reflection.GetString(message, field));
      reflection.SetString(&message, field, Read(body, extent));
    } else if (field->message_type() != nullptr && field->is_repeated()) {
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        Restore(body, *reflection.MutableRepeatedMessage(&message, field, i));
      }
    } else if (field->message_type() != nullptr) {
      Restore(body, *reflection.MutableMessage(&message, field));
    }
  }
}

// Parses both ways, with the slices ending there. The two must agree, on whether it is a request
// and on all that is in it. Returns whether it is one.
bool ExpectAgreement(const Message& type, const std::string& bytes, std::vector<size_t> ends) {
  const std::unique_ptr<Message> expected(type.New());
  const std::unique_ptr<Message> parsed(type.New());
  Body body(Sliced(bytes, std::move(ends)));
  const bool valid = expected->ParseFromString(bytes);
  const absl::Status status = server::Parse(body, server::Limits(), *parsed);
  EXPECT_EQ(status.ok(), valid) << status << " of " << testing::PrintToString(bytes);
  if (!valid || !status.ok()) return false;
  Restore(body, *parsed);
  EXPECT_EQ(parsed->SerializeAsString(), expected->SerializeAsString());
  return true;
}

std::vector<size_t> RandomEnds(size_t size, std::mt19937& random) {
  std::vector<size_t> ends(random() % 8);
  for (size_t& end : ends) end = random() % (size + 1);
  std::sort(ends.begin(), ends.end());
  return ends;
}

// ---------------------------------------------------------------- messages made byte by byte

std::string Varint(uint64_t value, int padding = 0) {
  std::string bytes;
  for (; value >= 0x80 || padding > 0; value >>= 7) {
    bytes += static_cast<char>((value & 0x7F) | 0x80);
    if (value < 0x80) --padding;
  }
  return bytes + static_cast<char>(value);
}

std::string Tag(int number, int wire_type) {
  return Varint(static_cast<uint64_t>(number) << 3 | wire_type);
}

// A field that has a length, which is written in `padding` bytes more than it needs.
std::string Framed(int number, const std::string& content, int padding = 0) {
  return Tag(number, 2) + Varint(content.size(), padding) + content;
}

std::string Number(int number, uint64_t value) { return Tag(number, 0) + Varint(value); }

TEST(Parse, LeavesLogitsWhereTheyLie) {
  const v1::SampleRequest sent = MixedRequest(3, 1000, v1::DATA_TYPE_FLOAT32, 7);
  Body body(Sliced(sent.SerializeAsString(), {5000}));
  v1::SampleRequest request;
  ASSERT_TRUE(server::Parse(body, server::Limits(), request).ok());
  EXPECT_EQ(request.logits().inline_data().size(), Body::kReferenceBytes);
  const Extent logits = body.FindPayload(request.logits().inline_data());
  EXPECT_EQ(body.Pieces(logits).size(), 2);
  EXPECT_EQ(Read(body, logits), sent.logits().inline_data());
}

TEST(Parse, TakesWhatProtobufTakesOfARequestCutAnywhere) {
  const std::string bytes = MixedRequest(2, 9, v1::DATA_TYPE_BFLOAT16, 7).SerializeAsString();
  for (size_t first = 0; first <= bytes.size(); ++first) {
    EXPECT_TRUE(ExpectAgreement(v1::SampleRequest(), bytes, {first}));
    EXPECT_TRUE(
        ExpectAgreement(v1::SampleRequest(), bytes, {first, std::min(first + 1, bytes.size())}));
  }
}

TEST(Parse, TakesFieldsInAnyOrderAndTheLastOfThoseThatAreRepeated) {
  const std::string shape = Number(1, 1) + Number(2, 2) + Number(3, 1);
  const std::string old = Framed(5, "older logits, and more of them");
  const std::string logits = Framed(5, "12345678");
  const v1::SampleRequest type;
  EXPECT_TRUE(ExpectAgreement(type, Framed(1, logits + shape), {}));
  EXPECT_TRUE(ExpectAgreement(type, Framed(1, old + shape + logits), {}));
  // Messages that are there twice are merged.
  EXPECT_TRUE(
      ExpectAgreement(type, Framed(1, old) + Framed(2, "") + Framed(1, shape + logits), {}));
  EXPECT_TRUE(ExpectAgreement(type, Framed(1, logits) + Framed(1, shape), {}));
  // Of a oneof the last one counts.
  EXPECT_TRUE(ExpectAgreement(type, Framed(1, logits + Framed(6, "")), {}));
  EXPECT_TRUE(ExpectAgreement(type, Framed(1, Framed(6, Framed(1, "")) + logits), {}));
  EXPECT_TRUE(ExpectAgreement(type, Framed(1, Framed(5, "")), {}));
}

TEST(Parse, TakesEveryEncodingOfALengthThatProtobufTakes) {
  for (int padding = 0; padding < 8; ++padding) {
    for (const size_t size : {0, 3, 4, 5, 126, 127, 128, 200}) {
      const std::string logits = Framed(5, std::string(size, 'x'), padding);
      ExpectAgreement(v1::SampleRequest(), Framed(1, logits), {});
      ExpectAgreement(v1::SampleRequest(), Framed(1, Number(1, 1) + logits, padding), {});
      ExpectAgreement(v1::StreamSampleRequest(), Framed(1, Framed(1, logits, padding), padding),
                      {});
    }
  }
}

TEST(Parse, RefusesLengthsThatReachBeyondWhatIsThere) {
  const v1::SampleRequest type;
  const std::string logits = Framed(5, "12345678");
  EXPECT_FALSE(ExpectAgreement(type, Tag(1, 2) + Varint(logits.size() + 1) + logits, {}));
  EXPECT_FALSE(ExpectAgreement(type, Tag(1, 2) + Varint(logits.size() - 1) + logits, {}));
  EXPECT_FALSE(ExpectAgreement(type, Framed(1, Tag(5, 2) + Varint(9) + "12345678") + logits, {}));
  for (const uint64_t length : {uint64_t{0x7FFFFFFF}, uint64_t{0x80000000}, uint64_t{0xFFFFFFFF},
                                uint64_t{1} << 32, ~uint64_t{0}}) {
    EXPECT_FALSE(ExpectAgreement(type, Framed(1, Tag(5, 2) + Varint(length) + "1234"), {}));
    EXPECT_FALSE(ExpectAgreement(type, Tag(1, 2) + Varint(length) + "1234", {}));
  }
}

// ---------------------------------------------------------------- random messages

// A random message of this type: fields in any order, some repeated, some unknown, some of another
// wire type than theirs.
class RandomMessage {
 public:
  explicit RandomMessage(uint32_t seed) : random_(seed) {}

  std::string Of(const google::protobuf::Descriptor& type, int depth = 0) {
    std::string bytes;
    for (int fields = random_() % 6; fields > 0; --fields) {
      if (type.field_count() == 0 || Rarely()) {
        bytes += Unknown();
      } else {
        bytes += Field(*type.field(random_() % type.field_count()), depth);
      }
    }
    return bytes;
  }

  // Flips some bits, or cuts off the end.
  std::string Spoil(std::string bytes) {
    if (bytes.empty()) return bytes;
    if (random_() % 4 == 0) return bytes.substr(0, random_() % bytes.size());
    for (int flips = 1 + random_() % 3; flips > 0; --flips) {
      bytes[random_() % bytes.size()] ^= static_cast<char>(1 << random_() % 8);
    }
    return bytes;
  }

  std::mt19937& random() { return random_; }

 private:
  bool Rarely() { return random_() % 16 == 0; }

  std::string Bytes() {
    std::string bytes(random_() % 4 == 0 ? random_() % 400 : random_() % 12, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }

  std::string Unknown() {
    const int number = 1 + random_() % 100;
    switch (random_() % 5) {
      case 0:
        return Number(number, random_());
      case 1:
        return Tag(number, 1) + "12345678";
      case 2:
        return Tag(number, 3) + Number(7, 1) + Tag(number, 4);  // a group
      case 3:
        return Tag(number, 5) + "1234";
      default:
        return Framed(number, Bytes());
    }
  }

  std::string Field(const FieldDescriptor& field, int depth) {
    const int number = field.number();
    const int padding = Rarely() ? random_() % 5 : 0;
    if (Rarely()) return Number(number, random_());
    if (field.message_type() != nullptr) {
      return Framed(number, depth > 6 ? "" : Of(*field.message_type(), depth + 1), padding);
    }
    if (field.type() == FieldDescriptor::TYPE_STRING) return Framed(number, "name", padding);
    if (field.type() == FieldDescriptor::TYPE_BYTES) return Framed(number, Bytes(), padding);
    if (field.is_repeated()) return Framed(number, std::string(8 * (random_() % 4), '\1'), padding);
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return Tag(number, 1) + "12345678";
      case FieldDescriptor::CPPTYPE_FLOAT:
        return Tag(number, 5) + "1234";
      default:
        return Number(number, random_());
    }
  }

  std::mt19937 random_;
};

TEST(Parse, AgreesWithProtobufOnRandomMessagesWholeOrSpoiled) {
  const v1::SampleRequest sample;
  const v1::StreamSampleRequest stream;
  const v1::VerifyRequest verify;
  const Message* const types[] = {&sample, &stream, &verify};
  RandomMessage messages(1);
  int valid = 0;
  constexpr int kMessages = 30000;
  for (int i = 0; i < kMessages; ++i) {
    const Message& type = *types[i % 3];
    std::string bytes = messages.Of(*type.GetDescriptor());
    if (i % 2 == 1) bytes = messages.Spoil(bytes);
    valid += ExpectAgreement(type, bytes, RandomEnds(bytes.size(), messages.random()));
    ASSERT_FALSE(HasFailure()) << "message " << i;
  }
  EXPECT_GT(valid, kMessages / 2);
  EXPECT_LT(valid, kMessages * 9 / 10);
}

TEST(Parse, CountsManySmallPayloadsAsWhatTheyTake) {
  std::string logits;
  while (logits.size() < 2000000) logits += std::string("\x2a\0", 2);  // empty inline_data
  Body body(Sliced(Framed(1, logits), {}));
  v1::SampleRequest request;
  const absl::Status status = server::Parse(body, {.max_message_bytes = 1 << 20}, request);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("entries would take more than 67108864"));
}

}  // namespace
}  // namespace boltzmann::test
