// Reading a block of a row, included once for each instruction set.

#if defined(BOLTZMANN_CORE_BLOCK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BOLTZMANN_CORE_BLOCK_INL_H_
#undef BOLTZMANN_CORE_BLOCK_INL_H_
#else
#define BOLTZMANN_CORE_BLOCK_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "core/arithmetic-inl.h"
#include "core/kernels.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace boltzmann::core::HWY_NAMESPACE {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Widens a block's logits.
HWY_INLINE void WidenBlock(DataType type, const std::byte* bytes, float* HWY_RESTRICT out) {
  const D32 d;
  if (type == DataType::kFloat32) {
    const auto* from = reinterpret_cast<const float*>(bytes);
    for (int i = 0; i < kBlockSize; i += kWidth32) hn::Store(hn::LoadU(d, from + i), d, out + i);
    return;
  }
  const hn::RebindToUnsigned<D32> du;
  const hn::Rebind<uint16_t, D32> d16;
  const auto* from = reinterpret_cast<const uint16_t*>(bytes);
  if (type == DataType::kBFloat16) {
    for (int i = 0; i < kBlockSize; i += kWidth32) {
      const auto bits = hn::PromoteTo(du, hn::LoadU(d16, from + i));
      hn::Store(hn::BitCast(d, hn::ShiftLeft<16>(bits)), d, out + i);
    }
    return;
  }
  for (int i = 0; i < kBlockSize; i += kWidth32) {
#if HWY_TARGET == HWY_SCALAR
    // The fields move to where a float has them; a multiplication rebiases the exponent.
    const auto bits = hn::PromoteTo(du, hn::LoadU(d16, from + i));
    const auto magnitude = hn::ShiftLeft<13>(hn::And(bits, hn::Set(du, 0x7FFFu)));
    const auto sign = hn::ShiftLeft<16>(hn::And(bits, hn::Set(du, 0x8000u)));
    const auto rebiased = hn::BitCast(du, hn::Mul(hn::BitCast(d, magnitude), hn::Set(d, 0x1p112f)));
    const auto special = hn::Or(magnitude, hn::Set(du, 0x7F800000u));
    const auto finite = hn::Lt(magnitude, hn::Set(du, 0x7C00u << 13));
    hn::Store(hn::BitCast(d, hn::Or(hn::IfThenElse(finite, rebiased, special), sign)), d, out + i);
#else
    const hn::Rebind<hwy::float16_t, D32> half;
    hn::Store(hn::PromoteTo(d, hn::BitCast(half, hn::LoadU(d16, from + i))), d, out + i);
#endif
  }
}

// The logits in one block as they were received; those past the end of the row are
// -infinity. Where they lie ready they are not copied to `buffer`.
HWY_INLINE const float* ReadBlock(const LogitRow& row, int block, float* HWY_RESTRICT buffer) {
  const int32_t first = block * kBlockSize;
  const int32_t count = std::min(kBlockSize, row.vocab_size() - first);
  const std::byte* bytes = row.Contiguous(first, count);
  if (HWY_LIKELY(bytes != nullptr && count == kBlockSize)) {
    if (row.type() == DataType::kFloat32) return reinterpret_cast<const float*>(bytes);
    WidenBlock(row.type(), bytes, buffer);
    return buffer;
  }
  alignas(8) std::byte copy[kBlockSize * sizeof(float)] = {};
  row.CopyBytes(first, count, copy);
  WidenBlock(row.type(), copy, buffer);
  std::fill(buffer + count, buffer + kBlockSize, -kInfinity);
  return buffer;
}

// One logit of a block, whose address may be any.
HWY_INLINE float LogitAt(const float* logits, int i) {
  float logit;
  hwy::CopyBytes<sizeof(float)>(logits + i, &logit);
  return logit;
}

// Puts tokens that are not allowed at -infinity.
HWY_INLINE void MaskBlock(const LogitRow& row, int block, float* HWY_RESTRICT logits) {
  const D32 d;
  const hn::RebindToUnsigned<D32> du;
  const V32 never = hn::Set(d, -kInfinity);
  const auto bit = hn::BitCast(du, hn::Shl(hn::Set(du, 1u), hn::Iota(du, 0)));
  for (int i = 0; i < kBlockSize; i += kWidth32) {
    const uint32_t word = row.AllowedWord((block * kBlockSize + i) / 32);
    const auto allowed = hn::TestBit(hn::Set(du, word >> (i % 32)), bit);
    const V32 logit = hn::Load(d, logits + i);
    hn::Store(hn::IfThenElse(hn::RebindMask(d, allowed), logit, never), d, logits + i);
  }
}

// The block as sampling sees it.
HWY_INLINE const float* OverlayBlock(const LogitRow& row, int block, const float* received,
                                     float* HWY_RESTRICT buffer) {
  if (HWY_LIKELY(!row.HasOverlay())) return received;
  if (received != buffer)
    WidenBlock(DataType::kFloat32, reinterpret_cast<const std::byte*>(received), buffer);
  const int32_t first = block * kBlockSize;
  row.ApplyEdits(first, std::min(kBlockSize, row.vocab_size() - first), buffer);
  if (row.IsMasked()) MaskBlock(row, block, buffer);
  return buffer;
}

HWY_INLINE const float* SeenBlock(const LogitRow& row, int block, float* HWY_RESTRICT buffer) {
  return OverlayBlock(row, block, ReadBlock(row, block, buffer), buffer);
}

}  // namespace boltzmann::core::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // BOLTZMANN_CORE_BLOCK_INL_H_
