#include "core/logits.h"

#include <bit>
#include <cstring>

namespace boltzmann::core {
namespace {

static_assert(std::endian::native == std::endian::little, "logits are read as they lie");

float WidenFloat32(uint32_t bits) { return std::bit_cast<float>(bits); }

float WidenBFloat16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

// Moves the fields of a half where those of a float are, then rebiases the exponent by
// a multiplication, which also normalises subnormals, exactly.
float WidenFloat16(uint16_t bits) {
  constexpr uint32_t kInfinity = 0x7F800000;
  const uint32_t sign = uint32_t{bits & 0x8000u} << 16;
  const uint32_t magnitude = uint32_t{bits & 0x7FFFu} << 13;
  const float rebiased = std::bit_cast<float>(magnitude) * 0x1p112f;
  const bool finite = magnitude < uint32_t{0x7C00} << 13;
  const uint32_t widened = finite ? std::bit_cast<uint32_t>(rebiased) : magnitude | kInfinity;
  return std::bit_cast<float>(widened | sign);
}

template <typename Stored, float (*Widen)(Stored)>
void LoadAs(const std::byte* from, int32_t count, float* out) {
  for (int32_t i = 0; i < count; ++i) {
    Stored stored;
    std::memcpy(&stored, from + i * sizeof(Stored), sizeof(Stored));
    out[i] = Widen(stored);
  }
}

}  // namespace

float LogitRow::At(int32_t token_id) const {
  float logit = 0;
  Load(token_id, 1, &logit);
  return logit;
}

void LogitRow::Load(int32_t first, int32_t count, float* out) const {
  const std::byte* from = data_ + static_cast<size_t>(first) * SizeOf(type_);
  switch (type_) {
    case DataType::kFloat32:
      return LoadAs<uint32_t, WidenFloat32>(from, count, out);
    case DataType::kFloat16:
      return LoadAs<uint16_t, WidenFloat16>(from, count, out);
    case DataType::kBFloat16:
      return LoadAs<uint16_t, WidenBFloat16>(from, count, out);
  }
}

}  // namespace boltzmann::core
