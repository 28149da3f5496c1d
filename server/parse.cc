#include "server/parse.h"

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl.h"
#include "server/outline.h"
#include "server/status.h"

namespace boltzmann::server {
namespace {

using google::protobuf::Message;
using google::protobuf::io::ArrayInputStream;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::ConcatenatingInputStream;
using google::protobuf::io::ZeroCopyInputStream;

constexpr uint64_t kMinLimit = 64 << 20;

// Pieces of memory, read one after the other.
class Chain {
 public:
  // They must outlive the chain. No piece may follow once the stream was made.
  void Add(const void* data, size_t size) {
    if (size > 0) pieces_.emplace_back(data, static_cast<int>(size));
  }
  void Add(const Body& body, const Extent& extent) {
    const std::vector<core::LogitSegment> pieces = body.Pieces(extent);
    for (size_t i = 0; i < pieces.size(); ++i) {
      const size_t end = i + 1 < pieces.size() ? pieces[i + 1].begin : extent.size;
      Add(pieces[i].data, end - pieces[i].begin);
    }
  }

  ConcatenatingInputStream Stream() {
    for (ArrayInputStream& piece : pieces_) pointers_.push_back(&piece);
    return ConcatenatingInputStream(pointers_.data(), static_cast<int>(pointers_.size()));
  }

 private:
  std::deque<ArrayInputStream> pieces_;
  std::vector<ZeroCopyInputStream*> pointers_;
};

// Parses the body with these parts of it replaced.
bool ParseReplaced(const Body& body, const std::vector<Replacement>& replacements,
                   Message& request) {
  Chain chain;
  size_t done = 0;
  for (const auto& [replaced, by] : replacements) {
    chain.Add(body, {done, replaced.begin - done});
    chain.Add(by.data(), by.size());
    done = replaced.begin + replaced.size;
  }
  chain.Add(body, {done, body.size() - done});
  auto stream = chain.Stream();
  return request.ParseFromZeroCopyStream(&stream);
}

}  // namespace

absl::Status Parse(Body& body, const Limits& limits, Message& request) {
  const auto& type = *request.GetDescriptor();
  const uint64_t limit = std::max<uint64_t>(limits.max_message_bytes, kMinLimit);
  Chain chain;
  chain.Add(body, {0, body.size()});
  auto stream = chain.Stream();
  CodedInputStream input(&stream);
  Outline outline(input, limit, body);
  if (outline.Read(type) && ParseReplaced(body, outline.replacements(), request)) {
    return absl::OkStatus();
  }
  if (!outline.IsTooLarge()) {
    return BadRequest({{"request", absl::StrCat("the body is not a ", type.full_name())}});
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("the request's entries would take more than ", limit,
                   " bytes of memory: send fewer in one call, or raise --max_message_bytes"));
}

}  // namespace boltzmann::server
