// A request's bytes without its payloads.
#ifndef BOLTZMANN_SERVER_OUTLINE_H_
#define BOLTZMANN_SERVER_OUTLINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/coded_stream.h"
#include "server/body.h"

namespace boltzmann::server {

// Bytes that stand in place of others.
struct Replacement {
  Extent replaced;
  std::string by;
};

// Walks over a message on the wire, entry by entry, and notes what has to be replaced so that
// payloads become references and the lengths of the messages around them stay right. What is
// left means what the whole did, whatever the order of fields, however often one is there, and
// however its length is encoded.
class Outline {
 public:
  // `limit` bounds what the entries may take as objects.
  Outline(google::protobuf::io::CodedInputStream& input, uint64_t limit, Body& body)
      : input_(input), limit_(limit), body_(body) {}

  // Reads a message of this type to its end. False if it is none, or its entries take
  // more than the limit.
  bool Read(const google::protobuf::Descriptor& type);

  // What the entries would take as objects; those after the limit is passed are not counted.
  bool IsTooLarge() const { return bytes_ > limit_; }

  // In the order of the body; none overlap.
  const std::vector<Replacement>& replacements() const { return replacements_; }

 private:
  bool ReadField(const google::protobuf::Descriptor& type, uint32_t tag);
  bool ReadEntry(const google::protobuf::Descriptor& type);
  bool ReadPayload();
  // Reads the length of what follows, which is `length`; its own bytes are returned in `extent`.
  bool ReadLength(int& length, Extent& extent);

  google::protobuf::io::CodedInputStream& input_;
  const uint64_t limit_;
  Body& body_;
  uint64_t bytes_ = 0;
  std::vector<Replacement> replacements_;
  int64_t grown_ = 0;  // by all replacements so far, mostly below 0
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_OUTLINE_H_
