// Rows of logits, as they were received, and what is changed in them before sampling.
#ifndef BOLTZMANN_CORE_LOGITS_H_
#define BOLTZMANN_CORE_LOGITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"

namespace boltzmann::core {

// How one logit is stored, little-endian.
enum class DataType : uint8_t {
  kFloat32,   // IEEE 754 binary32
  kFloat16,   // IEEE 754 binary16
  kBFloat16,  // the upper half of a binary32
};

// The bytes that one logit takes.
constexpr size_t SizeOf(DataType type) { return type == DataType::kFloat32 ? 4 : 2; }

// A piece of a row's bytes. Pieces may start at any address and end inside a logit.
struct LogitSegment {
  const std::byte* data;
  size_t begin;  // of its first byte among the row's
};

// A new value for the logit of one token.
struct LogitEdit {
  int32_t token_id;
  float logit;  // not NaN, below +infinity
};

// A view of one row: `vocab_size` logits that somebody else keeps alive and unchanged, and
// an overlay of what sampling is to see instead: tokens that are not allowed are at
// -infinity, edited ones at their new logit. Nothing is copied. Thread-safe.
class LogitRow {
 public:
  // A row in one piece. It may start at any address.
  // REQUIRES: vocab_size >= 1; data has vocab_size * SizeOf(type) bytes.
  LogitRow(const void* data, DataType type, int32_t vocab_size)
      : data_(static_cast<const std::byte*>(data)), vocab_size_(vocab_size), type_(type) {}

  // A row in pieces, in order. REQUIRES: as above; the first begins at 0, none is empty, and
  // together they have vocab_size * SizeOf(type) bytes; `segments` outlives the row.
  LogitRow(absl::Span<const LogitSegment> segments, DataType type, int32_t vocab_size)
      : data_(segments[0].data), segments_(segments), vocab_size_(vocab_size), type_(type) {}

  // Allows only the tokens whose bit is set: token j is bit j % 32 of word j / 32. Tokens
  // beyond the last word are not allowed. `words` outlives the row.
  void Allow(absl::Span<const uint32_t> words) {
    masked_ = true;
    allowed_ = words;
  }

  // Replaces logits. A token that is not allowed stays so. REQUIRES: token ids ascend and
  // are in [0, vocab_size); `edits` outlives the row.
  void Edit(absl::Span<const LogitEdit> edits) { edits_ = edits; }

  // V, the number of logits.
  int32_t vocab_size() const { return vocab_size_; }
  DataType type() const { return type_; }

  // Whether sampling sees other logits than were received.
  bool HasOverlay() const { return masked_ || !edits_.empty(); }

  // The logit of one token as sampling sees it, and as it was received.
  // REQUIRES: 0 <= token_id < vocab_size().
  float At(int32_t token_id) const;
  float ReceivedAt(int32_t token_id) const;

  // Widens the logits [first, first + count) as sampling sees them to `out`, exactly. A NaN
  // stays a NaN. REQUIRES: 0 <= first, first + count <= vocab_size().
  void Load(int32_t first, int32_t count, float* out) const;

  // What follows is for the kernels, which widen and mask by themselves.

  // The bytes of the logits [first, first + count), or nullptr if they are not in one piece.
  const std::byte* Contiguous(int32_t first, int32_t count) const {
    if (segments_.size() <= 1) return data_ + static_cast<size_t>(first) * SizeOf(type_);
    return FindContiguous(first, count);
  }
  // Copies the bytes of the logits [first, first + count).
  void CopyBytes(int32_t first, int32_t count, std::byte* out) const;
  // Puts the edits on the logits [first, first + count).
  void ApplyEdits(int32_t first, int32_t count, float* logits) const;
  // Whether some tokens are not allowed; and which, for tokens 32 * word to 32 * word + 31.
  bool IsMasked() const { return masked_; }
  uint32_t AllowedWord(int32_t word) const {
    return static_cast<size_t>(word) < allowed_.size() ? allowed_[word] : 0;
  }

 private:
  // The segment that holds a byte of the row.
  const LogitSegment& SegmentOf(size_t byte) const;
  const std::byte* FindContiguous(int32_t first, int32_t count) const;
  void LoadReceived(int32_t first, int32_t count, float* out) const;

  const std::byte* data_;
  absl::Span<const LogitSegment> segments_;  // empty if the row is in one piece
  absl::Span<const uint32_t> allowed_;
  absl::Span<const LogitEdit> edits_;
  int32_t vocab_size_;
  DataType type_;
  bool masked_ = false;
};

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_LOGITS_H_
