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
#include <cstring>
#include <limits>

#include "core/arithmetic-inl.h"
#include "core/kernels.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace boltzmann::core::HWY_NAMESPACE {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The largest of the logits of a block, which must have no NaN.
class Maximum {
 public:
  HWY_INLINE Maximum() {
    for (V32& v : max_) v = hn::Set(D32(), -kInfinity);
  }
  // The vector of the block that begins at logit i.
  HWY_INLINE void Add(int i, V32 logit) {
    V32& max = max_[i / kWidth32 % kVectors];
    max = hn::Max(max, logit);
  }
  HWY_INLINE void AddBlock(const float* HWY_RESTRICT logits) {
    for (int i = 0; i < kBlockSize; i += kWidth32) Add(i, hn::LoadU(D32(), logits + i));
  }
  HWY_INLINE float Total() const {
    V32 max = max_[0];
    for (int j = 1; j < kVectors; ++j) max = hn::Max(max, max_[j]);
    return hn::GetLane(hn::MaxOfLanes(D32(), max));
  }

 private:
  static constexpr int kVectors = kScanLanes / kWidth32;
  V32 max_[kVectors];
};

// Holds what was loaded in a register: the compiler would load it again for each use. Loads are
// what a scan for maxima is bound by (a sixth of its time), and of a row that may change no two
// need agree.
HWY_INLINE void LoadOnce([[maybe_unused]] V32& logit) {
#if HWY_ARCH_X86
  asm("" : "+v"(logit.raw));
#elif HWY_ARCH_ARM_A64
  asm("" : "+w"(logit.raw));
#endif
}

// The same, and whether there may be a NaN, which a maximum may lose but a sum does not; it
// also has one where infinities meet.
class MaximumAndNan {
 public:
  HWY_INLINE MaximumAndNan() {
    for (V32& v : sum_) v = hn::Zero(D32());
  }
  HWY_INLINE void Add(int i, V32 logit) {
    LoadOnce(logit);
    max_.Add(i, logit);
    V32& sum = sum_[i / kWidth32 % kVectors];
    sum = hn::Add(sum, logit);
  }
  HWY_INLINE void AddBlock(const float* HWY_RESTRICT logits) {
    for (int i = 0; i < kBlockSize; i += kWidth32) Add(i, hn::LoadU(D32(), logits + i));
  }
  HWY_INLINE float Total() const { return max_.Total(); }
  HWY_INLINE bool MayHaveNan() const {
    V32 sum = sum_[0];
    for (int j = 1; j < kVectors; ++j) sum = hn::Add(sum, sum_[j]);
    return !hn::AllFalse(D32(), hn::IsNaN(sum));
  }

 private:
  static constexpr int kVectors = kScanLanes / kWidth32;
  Maximum max_;
  V32 sum_[kVectors];
};

// For who does not ask for the maximum.
struct NoMaximum {
  HWY_INLINE void Add(int, V32) {}
  HWY_INLINE void AddBlock(const float*) {}
};

// Widens 16 bits to 32: the upper half of a float, or a half.
HWY_INLINE V32 WidenBrain(const uint16_t* from) {
  const hn::RebindToUnsigned<D32> du;
  const hn::Rebind<uint16_t, D32> d16;
  return hn::BitCast(D32(), hn::ShiftLeft<16>(hn::PromoteTo(du, hn::LoadU(d16, from))));
}

HWY_INLINE V32 WidenHalf(const uint16_t* from) {
  const D32 d;
  const hn::Rebind<uint16_t, D32> d16;
#if HWY_TARGET == HWY_SCALAR
  // The fields move to where a float has them; a multiplication rebiases the exponent.
  const hn::RebindToUnsigned<D32> du;
  const auto bits = hn::PromoteTo(du, hn::LoadU(d16, from));
  const auto magnitude = hn::ShiftLeft<13>(hn::And(bits, hn::Set(du, 0x7FFFu)));
  const auto sign = hn::ShiftLeft<16>(hn::And(bits, hn::Set(du, 0x8000u)));
  const auto rebiased = hn::BitCast(du, hn::Mul(hn::BitCast(d, magnitude), hn::Set(d, 0x1p112f)));
  const auto special = hn::Or(magnitude, hn::Set(du, 0x7F800000u));
  const auto finite = hn::Lt(magnitude, hn::Set(du, 0x7C00u << 13));
  return hn::BitCast(d, hn::Or(hn::IfThenElse(finite, rebiased, special), sign));
#else
  const hn::Rebind<hwy::float16_t, D32> half;
  return hn::PromoteTo(d, hn::BitCast(half, hn::LoadU(d16, from)));
#endif
}

// Widens a block's logits, each of which is read once.
template <class Max>
HWY_INLINE void WidenBlock(DataType type, const std::byte* bytes, float* HWY_RESTRICT out,
                           Max& max) {
  const auto write = [&](int i, V32 logit) HWY_ATTR {
    LoadOnce(logit);
    hn::Store(logit, D32(), out + i);
    max.Add(i, logit);
  };
  const auto* floats = reinterpret_cast<const float*>(bytes);
  const auto* halves = reinterpret_cast<const uint16_t*>(bytes);
  switch (type) {
    case DataType::kFloat32:
      for (int i = 0; i < kBlockSize; i += kWidth32) write(i, hn::LoadU(D32(), floats + i));
      break;
    case DataType::kBFloat16:
      for (int i = 0; i < kBlockSize; i += kWidth32) write(i, WidenBrain(halves + i));
      break;
    case DataType::kFloat16:
      for (int i = 0; i < kBlockSize; i += kWidth32) write(i, WidenHalf(halves + i));
      break;
  }
}

// The logits in one block as they were received; those past the end of the row are
// -infinity. Where they lie ready, and nobody changes them, they are not copied to `buffer`.
template <class Max>
HWY_INLINE const float* ReadBlock(const LogitRow& row, int block, float* HWY_RESTRICT buffer,
                                  Max& max) {
  const int32_t first = block * kBlockSize;
  const int32_t count = std::min(kBlockSize, row.vocab_size() - first);
  const std::byte* bytes = row.Contiguous(first, count);
  if (HWY_LIKELY(bytes != nullptr && count == kBlockSize)) {
    if (row.type() != DataType::kFloat32 || row.MayChange()) {
      WidenBlock(row.type(), bytes, buffer, max);
      return buffer;
    }
    const auto* logits = reinterpret_cast<const float*>(bytes);
    max.AddBlock(logits);
    return logits;
  }
  alignas(8) std::byte copy[kBlockSize * sizeof(float)] = {};
  row.CopyBytes(first, count, copy);
  NoMaximum not_of_the_padding;
  WidenBlock(row.type(), copy, buffer, not_of_the_padding);
  std::fill(buffer + count, buffer + kBlockSize, -kInfinity);
  max.AddBlock(buffer);
  return buffer;
}

// One logit of a block, whose address may be any.
HWY_INLINE float LogitAt(const float* logits, int i) {
  float logit;
  hwy::CopyBytes<sizeof(float)>(logits + i, &logit);
  return logit;
}

// How the overlay of a row changes one of its blocks.
enum class Overlay : uint8_t {
  kNone,
  kEdits,   // edited tokens only
  kHidden,  // tokens that are not allowed, or above the ceiling; maybe edited ones too
};

// A block as sampling sees it: its floats, with edited tokens at -infinity, as those are that
// are hidden; what they are edited to is in LogitRow::EditsOf.
struct SeenLogits {
  const float* floats;
  Overlay overlay;
};

// Whether a mask hides any token of a block.
HWY_INLINE bool IsMasked(const LogitRow& row, int block) {
  if (!row.IsMasked()) return false;
  constexpr int kWords = kBlockSize / 32;
  uint32_t all = ~0u;
  for (int i = 0; i < kWords; ++i) all &= row.AllowedWord(block * kWords + i);
  return all != ~0u;
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

// Puts tokens above the ceiling at -infinity.
HWY_INLINE void CapBlock(const Ceiling& ceiling, int block, float* HWY_RESTRICT logits) {
  const D32 d;
  const V32 never = hn::Set(d, -kInfinity);
  const V32 bound = hn::Set(d, FloatDown(ceiling.logit));
  for (int i = 0; i < kBlockSize; i += kWidth32) {
    const V32 logit = hn::Load(d, logits + i);
    hn::Store(hn::IfThenElse(hn::Gt(logit, bound), never, logit), d, logits + i);
    if (HWY_LIKELY(hn::AllFalse(d, hn::Eq(logit, bound)))) continue;
    for (int j = i; j < i + kWidth32; ++j) {
      if (!ceiling.Keeps(logits[j], block * kBlockSize + j)) logits[j] = -kInfinity;
    }
  }
}

// Whether a ceiling may hide any of a block's logits.
HWY_INLINE bool IsCapped(const Ceiling& ceiling, const float* logits) {
  const D32 d;
  V32 most = hn::Set(d, -kInfinity);
  for (int i = 0; i < kBlockSize; i += kWidth32) most = hn::Max(most, hn::LoadU(d, logits + i));
  return !hn::AllFalse(d, hn::Ge(most, hn::Set(d, FloatDown(ceiling.logit))));
}

HWY_NOINLINE SeenLogits ApplyOverlay(const LogitRow& row, int block, const float* received,
                                     float* HWY_RESTRICT buffer) {
  const auto edits = row.EditsOf(block);
  const bool masked = IsMasked(row, block);
  const bool capped = row.HasCeiling() && IsCapped(row.ceiling(), received);
  const bool hidden = masked || capped;
  if (edits.empty() && !hidden) return {received, Overlay::kNone};
  if (received != buffer) std::memcpy(buffer, received, kBlockSize * sizeof(float));
  for (const LogitEdit& edit : edits) buffer[edit.token_id - block * kBlockSize] = -kInfinity;
  if (masked) MaskBlock(row, block, buffer);
  if (capped) CapBlock(row.ceiling(), block, buffer);
  return {buffer, hidden ? Overlay::kHidden : Overlay::kEdits};
}

// The block as sampling sees it.
HWY_INLINE SeenLogits OverlayBlock(const LogitRow& row, int block, const float* received,
                                   float* HWY_RESTRICT buffer) {
  if (HWY_LIKELY(!row.HasOverlay())) return {received, Overlay::kNone};
  return ApplyOverlay(row, block, received, buffer);
}

HWY_INLINE const float* SeenBlock(const LogitRow& row, int block, float* HWY_RESTRICT buffer) {
  NoMaximum no_maximum;
  return OverlayBlock(row, block, ReadBlock(row, block, buffer, no_maximum), buffer).floats;
}

// The edited tokens of a block that sampling sees, and of these those with key >= cut.
struct SeenEdits {
  int count = 0;
  RankKey keys[kBlockSize];
  double logits[kBlockSize];
};

HWY_NOINLINE void CollectEdits(const LogitRow& row, int block, RankKey cut, SeenEdits& seen) {
  seen.count = 0;
  for (const LogitEdit& edit : row.EditsOf(block)) {
    const RankKey key = KeyOf(edit.logit, edit.token_id);
    if (key < cut || key < kLastFinite || !row.ceiling().Keeps(edit.logit, edit.token_id)) continue;
    seen.keys[seen.count] = key;
    seen.logits[seen.count++] = edit.logit;
  }
}

}  // namespace boltzmann::core::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // BOLTZMANN_CORE_BLOCK_INL_H_
