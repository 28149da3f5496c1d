// The parts that every request is decoded with. For convert.cc and the decode_*.cc only.
#ifndef BOLTZMANN_SERVER_DECODE_H_
#define BOLTZMANN_SERVER_DECODE_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "server/convert.h"

namespace boltzmann::server {

// The shape of the batch. Where that of the request is refused, one by which nothing else
// is refused for the same reason.
struct Shape {
  core::DataType type = core::DataType::kFloat32;
  int32_t vocab_size = std::numeric_limits<int32_t>::max();
  int32_t row_count = 1;
  uint64_t stride = 0;  // bytes from row to row; 0 if they are sparse
  Extent inline_data = {};
};

// Some tokens of a vocabulary. A bit each, so that it is cheap to make and to empty.
class TokenSet {
 public:
  void Resize(int32_t vocab_size) { words_.resize(static_cast<size_t>(vocab_size + 63) / 64); }

  // Whether the token was not there yet.
  bool Add(int32_t id) {
    uint64_t& word = words_[WordOf(id)];
    const uint64_t before = word;
    word |= BitOf(id);
    return word != before;
  }
  bool Has(int32_t id) const { return (words_[WordOf(id)] & BitOf(id)) != 0; }

  // Removes everything. `ids` are all that were added.
  void Clear(absl::Span<const int32_t> ids) {
    for (const int32_t id : ids) words_[WordOf(id)] = 0;
  }

 private:
  static size_t WordOf(int32_t id) { return static_cast<uint32_t>(id) / 64; }
  static uint64_t BitOf(int32_t id) { return uint64_t{1} << (static_cast<uint32_t>(id) % 64); }

  std::vector<uint64_t> words_;
};

// A request on its way into core types, and what was found wrong with it so far.
struct Decoding {
  const Surroundings& surroundings;
  DecodedRequest& decoded;
  const Limits& limits = surroundings.limits;
  std::vector<core::Violation> violations = {};
  Shape shape = {};
  absl::Status source = {};  // why rows in shared memory cannot be read
  TokenSet tokens = {};      // scratch of FindRepeat and CheckNamed: empty

  void Refuse(std::string field, std::string description) {
    violations.push_back({std::move(field), std::move(description)});
  }
};

// "field[index]".
std::string Indexed(const std::string& field, size_t index);

// "9 is outside [1, 8]".
std::string Outside(uint64_t value, uint64_t low, uint64_t high);

// A repeated field where it lies.
template <typename T>
absl::Span<const T> SpanOf(const google::protobuf::RepeatedField<T>& field) {
  return absl::MakeConstSpan(field.data(), static_cast<size_t>(field.size()));
}

// The entry that speaks of row `i`, of one for all or one a row.
template <typename T>
const T& EntryOf(const std::vector<T>& entries, size_t i) {
  return entries[i < entries.size() ? i : 0];
}

// A field that this server does not know would change what its caller gets, were it
// known: so it is refused, not skipped. Of this message only, not of those within.
void RefuseUnknownFields(const google::protobuf::Message& message, const std::string& path,
                         Decoding& decoding);
// The same of entry `index` of `field`, whose name is made only where it is needed.
void RefuseUnknownFields(const google::protobuf::Message& message, const std::string& field,
                         size_t index, Decoding& decoding);

// How many entries a repeated field may have, where there are n of something.
enum class Entries { kNoneOneOrEach, kNoneOrEach, kEach };

// Refuses a repeated field of any other length than `allowed`, n being `count`; `noun` is
// what there are n of, such as "row".
void CheckEntries(const std::string& field, uint64_t entries, Entries allowed, uint64_t count,
                  const char* noun, Decoding& decoding);

// Whether V is one that this server takes. If not, the request is refused for that: it must
// not take memory by V first, nor be refused for what follows from V.
bool HasVocabSize(const Decoding& decoding);

// Refuses ids outside [0, V). Names the first few. Returns whether there are none.
bool CheckTokens(absl::Span<const int32_t> ids, const std::string& field, Decoding& decoding);

// Refuses a list that names a token twice. REQUIRES: ids are in [0, V).
void CheckDistinct(absl::Span<const int32_t> ids, const std::string& field, Decoding& decoding);

// decode_params.cc: into decoded.params and decoded.outputs, at least one of each.
void DecodeParams(const google::protobuf::RepeatedPtrField<v1::SamplingParams>& from,
                  Decoding& decoding);
void DecodeOutputs(const google::protobuf::RepeatedPtrField<v1::OutputOptions>& from,
                   Decoding& decoding);
// `params` are those that the row is sampled with.
core::RowState DecodeState(const v1::RowState& from, const core::SamplingParams& params,
                           const std::string& path, Decoding& decoding);
absl::Span<const std::byte> BytesOf(const std::string& bytes);

// decode_logits.cc: into decoding.shape. Looks at inline logits, but not at sparse rows.
void DecodeShape(const v1::Logits& logits, Decoding& decoding);
std::optional<core::DataType> DecodeType(v1::DataType type);
// Refuses a type that is none.
void RefuseType(v1::DataType type, const std::string& field, Decoding& decoding);
// If nothing was refused so far: RESOURCE_EXHAUSTED if there are too many rows, or too long, or why
// their source cannot be read.
absl::Status CheckSize(const Decoding& decoding);
// A row of `type` that lies in a payload at `begin`.
core::LogitRow RowIn(const Extent& payload, size_t begin, core::DataType type, int32_t vocab_size,
                     Decoding& decoding);
// Refuses what is wrong with each row. REQUIRES: CheckSize is OK.
void CheckSparseRows(const v1::Logits& logits, Decoding& decoding);
// Adds the next row to the batch. REQUIRES: nothing was refused.
core::RowRequest& AddRow(const v1::Logits& logits, const core::SamplingParams& params,
                         const core::OutputOptions& outputs, const core::RowState& state,
                         Decoding& decoding);
// RESOURCE_EXHAUSTED if the rows, which are all there, list too many tokens;
// INVALID_ARGUMENT if they name what is no candidate.
absl::Status CheckRows(Decoding& decoding);

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_DECODE_H_
