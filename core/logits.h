// Rows of logits, as they were received, and what sampling is to see instead.
#ifndef BOLTZMANN_CORE_LOGITS_H_
#define BOLTZMANN_CORE_LOGITS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "absl/types/span.h"
#include "core/total_order.h"

namespace boltzmann::core {

class Snapshot;

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

// The most logits in a row: token ids have to fit into RankKey.
inline constexpr int32_t kMaxVocabSize = kLastToken + 1;

// Rows are read in blocks of this many logits; the last of a row may have fewer.
inline constexpr int kBlockSize = 256;

// The blocks that a row of `vocab_size` logits has.
constexpr int BlockCount(int32_t vocab_size) { return (vocab_size + kBlockSize - 1) / kBlockSize; }

// A new value for the logit of one token.
struct LogitEdit {
  int32_t token_id;
  float received;  // the old one; finite
  double logit;    // -infinity, or as total_order.h says
};

// New values, and where each block's begin.
struct LogitEdits {
  absl::Span<const LogitEdit> edits = {};        // token ids ascend
  absl::Span<const uint32_t> block_begins = {};  // one a block, and the end
};

// What is dropped from the front of the total order: greater logits, and of those equal to
// `logit` all tokens but [first_token, last_token].
struct Ceiling {
  double logit = std::numeric_limits<double>::infinity();
  int32_t first_token = 0;
  int32_t last_token = kLastToken;

  bool Keeps(double l, int32_t token) const {
    return l < logit || (l == logit && first_token <= token && token <= last_token);
  }
};

// A view of one row: `vocab_size` logits that somebody else keeps alive and, unless they are
// shared, unchanged; and an overlay of what sampling is to see instead: edited tokens are at their
// new logit, those that are not allowed or above a ceiling at -infinity. Nothing is copied.
// Thread-safe, but for the changes of the overlay.
class LogitRow {
 public:
  // A row in one piece. It may start at any address.
  // REQUIRES: vocab_size >= 1; data has vocab_size * SizeOf(type) bytes.
  LogitRow(const void* data, DataType type, int32_t vocab_size)
      : data_(static_cast<const std::byte*>(data)), vocab_size_(vocab_size), type_(type) {}

  // A row in pieces, in order. REQUIRES: as above; the first begins at 0, none is empty, and
  // together they have vocab_size * SizeOf(type) bytes; `segments` outlives the row.
  LogitRow(absl::Span<const LogitSegment> segments, DataType type, int32_t vocab_size)
      : data_(segments.size() == 1 ? segments[0].data : nullptr),
        segments_(segments),
        vocab_size_(vocab_size),
        type_(type),
        in_place_(data_ != nullptr) {}

  // A row in one piece that others may write to at any time, even while it is read. It is answered
  // as if each of its blocks had stayed what it once was, or with RowStatus::kLogitsChanged; no
  // other row's answer depends on it. As long as nobody writes, it is answered as any row. Only for
  // RowRequest::logits. REQUIRES: as for a row in one piece; the bytes stay readable.
  static LogitRow Shared(const void* data, DataType type, int32_t vocab_size) {
    LogitRow row(data, type, vocab_size);
    row.may_change_ = true;
    return row;
  }

  // Allows only the tokens whose bit is set: token j is bit j % 32 of the little-endian word
  // j / 32. Tokens beyond the last word are not allowed. REQUIRES: whole words; `mask` outlives
  // the row.
  void Allow(absl::Span<const std::byte> mask) {
    masked_ = true;
    mask_ = mask;
  }

  // Replaces logits. REQUIRES: token ids are in [0, vocab_size) and allowed; `edits` outlives the
  // row.
  void Edit(const LogitEdits& edits) { edits_ = edits; }

  // Drops what `ceiling` does not keep, instead of what an earlier one did not.
  void CutAbove(const Ceiling& ceiling) { ceiling_ = ceiling; }
  const Ceiling& ceiling() const { return ceiling_; }

  // V, the number of logits.
  int32_t vocab_size() const { return vocab_size_; }
  DataType type() const { return type_; }

  // Whether others may write to it.
  bool MayChange() const { return may_change_; }

  // Whether sampling sees other logits than were received.
  bool HasOverlay() const { return masked_ || !edits_.edits.empty() || HasCeiling(); }
  bool HasCeiling() const { return ceiling_.logit < std::numeric_limits<double>::infinity(); }

  // The logit of one token as sampling sees it, and as it was received.
  // REQUIRES: 0 <= token_id < vocab_size().
  double At(int32_t token_id) const;
  float ReceivedAt(int32_t token_id) const;

  // Widens the logits [first, first + count) as sampling sees them to `out`, exactly. A NaN
  // stays a NaN. REQUIRES: 0 <= first, first + count <= vocab_size(); they are of one block.
  void Load(int32_t first, int32_t count, double* out) const;
  // The same as they were received, of any blocks.
  void LoadReceived(int32_t first, int32_t count, float* out) const;

  // What follows is for the kernels, which widen and mask by themselves.

  // The bytes of the logits [first, first + count), or nullptr if they are not in one piece. All
  // reading begins here; through a snapshot it may throw LogitsChanged.
  const std::byte* Contiguous(int32_t first, int32_t count) const {
    if (in_place_) return data_ + static_cast<size_t>(first) * SizeOf(type_);
    return FindContiguous(first, count);
  }
  // Where a logit was received, to have it fetched ahead.
  const void* AddressOf(int32_t token_id) const {
    if (data_ != nullptr) return data_ + static_cast<size_t>(token_id) * SizeOf(type_);
    return FindContiguous(token_id, 1);
  }
  // Copies the bytes of the logits [first, first + count).
  void CopyBytes(int32_t first, int32_t count, std::byte* out) const;
  // The row read through a snapshot, which must outlive it: see there. Until then a shared row is
  // read like any other. REQUIRES: it may change.
  LogitRow Through(Snapshot& snapshot) const {
    LogitRow row = *this;
    row.snapshot_ = &snapshot;
    row.in_place_ = false;
    return row;
  }
  // The same, but read where it lies. REQUIRES: it may change.
  LogitRow InPlace() const {
    LogitRow row = *this;
    row.in_place_ = true;
    return row;
  }
  Snapshot* snapshot() const { return snapshot_; }
  // All edits, and those of one block's tokens.
  absl::Span<const LogitEdit> Edits() const { return edits_.edits; }
  absl::Span<const LogitEdit> EditsOf(int block) const {
    if (edits_.edits.empty()) return {};
    const uint32_t begin = edits_.block_begins[block];
    return edits_.edits.subspan(begin, edits_.block_begins[block + 1] - begin);
  }
  // Whether some tokens are not allowed; and which, for tokens 32 * word to 32 * word + 31.
  bool IsMasked() const { return masked_; }
  uint32_t AllowedWord(int32_t word) const {
    const size_t begin = static_cast<size_t>(word) * sizeof(uint32_t);
    if (begin >= mask_.size()) return 0;
    uint32_t bits;
    std::memcpy(&bits, mask_.data() + begin, sizeof(bits));
    return bits;
  }
  bool IsAllowed(int32_t token_id) const {
    return !masked_ || (AllowedWord(token_id / 32) >> token_id % 32 & 1) != 0;
  }

 private:
  // The segment that holds a byte of the row.
  const LogitSegment& SegmentOf(size_t byte) const;
  const std::byte* FindContiguous(int32_t first, int32_t count) const;

  const std::byte* data_;                         // nullptr if the row is in pieces
  absl::Span<const LogitSegment> segments_ = {};  // empty if the row is in one piece
  absl::Span<const std::byte> mask_ = {};
  LogitEdits edits_;
  Ceiling ceiling_;
  Snapshot* snapshot_ = nullptr;
  int32_t vocab_size_;
  DataType type_;
  bool masked_ = false;
  bool may_change_ = false;
  bool in_place_ = true;  // whether every part is read where it lies, at data_
};

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_LOGITS_H_
