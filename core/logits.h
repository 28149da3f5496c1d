// Rows of logits, as they were received.
#ifndef BOLTZMANN_CORE_LOGITS_H_
#define BOLTZMANN_CORE_LOGITS_H_

#include <cstddef>
#include <cstdint>

namespace boltzmann::core {

// How one logit is stored, little-endian.
enum class DataType : uint8_t {
  kFloat32,   // IEEE 754 binary32
  kFloat16,   // IEEE 754 binary16
  kBFloat16,  // the upper half of a binary32
};

// The bytes that one logit takes.
constexpr size_t SizeOf(DataType type) { return type == DataType::kFloat32 ? 4 : 2; }

// A view of one row: `vocab_size` logits that somebody else keeps alive and
// unchanged. They may start at any address. Thread-safe.
class LogitRow {
 public:
  // REQUIRES: vocab_size >= 1; data has vocab_size * SizeOf(type) bytes.
  LogitRow(const void* data, DataType type, int32_t vocab_size)
      : data_(static_cast<const std::byte*>(data)), vocab_size_(vocab_size), type_(type) {}

  // V, the number of logits.
  int32_t vocab_size() const { return vocab_size_; }

  // The logit of one token. REQUIRES: 0 <= token_id < vocab_size().
  float At(int32_t token_id) const;

  // Widens the logits [first, first + count) to `out`, exactly. A NaN stays a NaN.
  // REQUIRES: 0 <= first, first + count <= vocab_size().
  void Load(int32_t first, int32_t count, float* out) const;

 private:
  const std::byte* data_;
  int32_t vocab_size_;
  DataType type_;
};

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_LOGITS_H_
