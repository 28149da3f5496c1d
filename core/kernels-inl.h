// The body of the kernels, included once for each instruction set. The contracts are in
// kernels.h, the arithmetic in arithmetic-inl.h, what reads a block in block-inl.h, the scan in
// scan-inl.h.

#if defined(BOLTZMANN_CORE_KERNELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BOLTZMANN_CORE_KERNELS_INL_H_
#undef BOLTZMANN_CORE_KERNELS_INL_H_
#else
#define BOLTZMANN_CORE_KERNELS_INL_H_
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/arithmetic-inl.h"
#include "core/block-inl.h"
#include "core/kernels.h"
#include "core/scan-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace boltzmann::core::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// ------------------------------------------------------------------ weights

// 0, 1, 2 ...
HWY_ALIGN constexpr int32_t kIota[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// Calls visit(logit, weight) for the edited tokens of a block with key >= cut, by id.
template <class Visit>
HWY_INLINE void WeighEdits(const LogitRow& row, int block, RankKey cut, const WeightScale& scale,
                           Visit visit) {
  if (HWY_LIKELY(row.EditsOf(block).empty())) return;
  SeenEdits edits;
  double weights[kBlockSize];
  CollectEdits(row, block, cut, edits);
  Weigh(edits.logits, edits.count, scale, weights);
  for (int i = 0; i < edits.count; ++i) visit(edits.logits[i], weights[i]);
}

// Whether a block can hold a token with key >= cut.
HWY_INLINE bool Reaches(const Block& block, RankKey cut) { return block.max >= LogitOf(cut); }

// {key >= cut} as a mask over the logits of a block.
class Cut {
 public:
  // Where the cut is at no float, all tokens at the next above are kept.
  explicit Cut(RankKey cut)
      : logit_(FloatUp(LogitOf(cut))), token_(logit_ == LogitOf(cut) ? TokenOf(cut) : kLastToken) {}
  HWY_INLINE M32 Keeps(V32 logit, int32_t first_token) const {
    const D32 d;
    const DId di;
    const V32 bound = hn::Set(d, logit_);
    const auto last = hn::Set(di, token_ - first_token);
    const M32 later = hn::RebindMask(d, hn::Gt(hn::Load(di, kIota), last));
    return hn::Or(hn::Gt(logit, bound), hn::AndNot(later, hn::Eq(logit, bound)));
  }

 private:
  float logit_;
  int32_t token_;
};

// The block as sampling sees it, with the tokens below the cut at -infinity.
HWY_INLINE const float* KeptBlock(const LogitRow& row, int block, RankKey cut_key, const Cut& cut,
                                  float* HWY_RESTRICT buffer, float* HWY_RESTRICT kept) {
  const D32 d;
  const float* logits = SeenBlock(row, block, buffer);
  if (cut_key <= kLastFinite) return logits;
  const V32 never = hn::Set(d, -kInfinity);
  for (int i = 0; i < kBlockSize; i += kWidth32) {
    const V32 logit = hn::LoadU(d, logits + i);
    hn::Store(hn::IfThenElse(cut.Keeps(logit, block * kBlockSize + i), logit, never), d, kept + i);
  }
  return kept;
}

// Loads kChains64 vectors of logits relative to the maximum.
HWY_INLINE void LoadRelative(const float* HWY_RESTRICT logits, V64 max, V64 (&x)[kChains64]) {
  for (int j = 0; j < kChains64; ++j) {
    x[j] = hn::Sub(hn::PromoteTo(D64(), hn::LoadU(DHalf(), logits + j * kWidth64)), max);
  }
}

double Tally(const LogitRow& row, const WeightScale& scale, RankKey cut_key,
             absl::Span<Block> blocks) {
  const Exp64 exp(scale.temperature);
  const V64 max = hn::Set(D64(), scale.max);
  const Cut cut(cut_key);
  HWY_ALIGN float buffer[kBlockSize];
  HWY_ALIGN float kept[kBlockSize];
  double total = 0;
  for (size_t b = 0; b < blocks.size(); ++b) {
    blocks[b].kept_mass = 0;
    if (!Reaches(blocks[b], cut_key)) continue;
    const float* logits = KeptBlock(row, static_cast<int>(b), cut_key, cut, buffer, kept);
    Sum sum;
    for (int i = 0; i < kBlockSize; i += kChains64 * kWidth64) {
      V64 x[kChains64];
      LoadRelative(logits + i, max, x);
      exp(x);
      sum.Add(x);
    }
    double mass = sum.Total();
    WeighEdits(row, static_cast<int>(b), cut_key, scale,
               [&mass](double, double weight) { mass += weight; });
    total += blocks[b].kept_mass = mass;
  }
  return total;
}

Zones TallyZones(const LogitRow& row, const WeightScale& scale, RankKey cut_key, double low,
                 double high, absl::Span<Block> blocks) {
  const D64 d;
  const Exp64 exp(scale.temperature);
  const V64 max = hn::Set(D64(), scale.max);
  const Cut cut(cut_key);
  const V64 low_bound = hn::Set(d, low);
  const V64 high_bound = hn::Set(d, high);
  HWY_ALIGN float buffer[kBlockSize];
  HWY_ALIGN float kept[kBlockSize];
  Zones zones;
  for (size_t b = 0; b < blocks.size(); ++b) {
    blocks[b].kept_mass = 0;
    if (!Reaches(blocks[b], cut_key)) continue;
    const float* logits = KeptBlock(row, static_cast<int>(b), cut_key, cut, buffer, kept);
    Sum all, lower, upper;
    for (int i = 0; i < kBlockSize; i += kChains64 * kWidth64) {
      V64 x[kChains64];
      hn::Mask<D64> is_lower[kChains64], is_upper[kChains64];
      for (int j = 0; j < kChains64; ++j) {
        // Logits are compared, which is exact, not their distances from the maximum.
        const V64 logit = hn::PromoteTo(d, hn::LoadU(DHalf(), logits + i + j * kWidth64));
        is_lower[j] = hn::Ge(logit, low_bound);
        is_upper[j] = hn::Gt(logit, high_bound);
        x[j] = hn::Sub(logit, max);
      }
      exp(x);
      all.Add(x);
      for (int j = 0; j < kChains64; ++j) x[j] = hn::IfThenElseZero(is_lower[j], x[j]);
      lower.Add(x);
      for (int j = 0; j < kChains64; ++j) x[j] = hn::IfThenElseZero(is_upper[j], x[j]);
      upper.Add(x);
    }
    Zones block = {all.Total(), lower.Total(), upper.Total()};
    WeighEdits(row, static_cast<int>(b), cut_key, scale, [&](double logit, double weight) {
      block.all += weight;
      if (logit >= low) block.lower += weight;
      if (logit > high) block.upper += weight;
    });
    zones.all += block.all;
    zones.lower += block.lower;
    zones.upper += blocks[b].kept_mass = block.upper;
  }
  return zones;
}

MassAndLogs TallyLogs(const LogitRow& row, const WeightScale& scale, RankKey cut_key,
                      absl::Span<Block> blocks) {
  const Exp64 exp(scale.temperature);
  const V64 max = hn::Set(D64(), scale.max);
  const Cut cut(cut_key);
  const V64 per_temperature = hn::Set(D64(), 1.0 / scale.temperature);
  HWY_ALIGN float buffer[kBlockSize];
  HWY_ALIGN float kept[kBlockSize];
  MassAndLogs total;
  for (size_t b = 0; b < blocks.size(); ++b) {
    blocks[b].kept_mass = 0;
    if (!Reaches(blocks[b], cut_key)) continue;
    const float* logits = KeptBlock(row, static_cast<int>(b), cut_key, cut, buffer, kept);
    Sum mass, logs;
    for (int i = 0; i < kBlockSize; i += kChains64 * kWidth64) {
      V64 x[kChains64];
      LoadRelative(logits + i, max, x);
      V64 log[kChains64];
      for (int j = 0; j < kChains64; ++j) log[j] = hn::Mul(exp.Clamp(x[j]), per_temperature);
      exp(x);
      mass.Add(x);
      for (int j = 0; j < kChains64; ++j) x[j] = hn::Mul(x[j], log[j]);
      logs.Add(x);
    }
    MassAndLogs block = {mass.Total(), logs.Total()};
    WeighEdits(row, static_cast<int>(b), cut_key, scale, [&](double logit, double weight) {
      block.mass += weight;
      block.logs += weight * ((logit - scale.max) / scale.temperature);
    });
    total.mass += blocks[b].kept_mass = block.mass;
    total.logs += block.logs;
  }
  return total;
}

Moments FindMoments(const LogitRow& row, double origin, RankKey cut_key,
                    absl::Span<const Block> blocks) {
  const D64 d;
  const V64 from = hn::Set(d, origin);
  const V64 never = hn::Set(d, -static_cast<double>(kInfinity));
  const Cut cut(std::max(cut_key, kLastFinite));
  HWY_ALIGN float buffer[kBlockSize];
  HWY_ALIGN float kept[kBlockSize];
  Moments moments;
  for (size_t b = 0; b < blocks.size(); ++b) {
    if (!Reaches(blocks[b], cut_key)) continue;
    const float* logits = KeptBlock(row, static_cast<int>(b), cut_key, cut, buffer, kept);
    Sum sum, squares;
    for (int i = 0; i < kBlockSize; i += kChains64 * kWidth64) {
      V64 x[kChains64];
      for (int j = 0; j < kChains64; ++j) {
        const V64 logit = hn::PromoteTo(d, hn::LoadU(DHalf(), logits + i + j * kWidth64));
        const auto finite = hn::Gt(logit, never);
        moments.count += static_cast<int32_t>(hn::CountTrue(d, finite));
        x[j] = hn::IfThenElseZero(finite, hn::Sub(logit, from));
      }
      sum.Add(x);
      for (int j = 0; j < kChains64; ++j) x[j] = hn::Mul(x[j], x[j]);
      squares.Add(x);
    }
    moments.sum += sum.Total();
    moments.squares += squares.Total();
    if (HWY_LIKELY(row.EditsOf(static_cast<int>(b)).empty())) continue;
    SeenEdits edits;
    CollectEdits(row, static_cast<int>(b), cut_key, edits);
    for (int i = 0; i < edits.count; ++i) {
      const double x = edits.logits[i] - origin;
      moments.sum += x;
      moments.squares += x * x;
    }
    moments.count += edits.count;
  }
  return moments;
}

// ------------------------------------------------------------------ counting, gathering

// For each byte, where its bits are set: one byte each, the lowest first.
constexpr std::array<uint64_t, 256> kWhereSet = [] {
  std::array<uint64_t, 256> table = {};
  for (int byte = 0; byte < 256; ++byte) {
    int count = 0;
    for (uint64_t bit = 0; bit < 8; ++bit) {
      if (byte >> bit & 1) table[byte] |= bit << (8 * count++);
    }
  }
  return table;
}();

int32_t Count(const LogitRow& row, RankKey cut_key, absl::Span<const Block> blocks) {
  const D32 d;
  const Cut cut(cut_key);
  HWY_ALIGN float buffer[kBlockSize];
  int32_t count = 0;
  for (size_t b = 0; b < blocks.size(); ++b) {
    if (!Reaches(blocks[b], cut_key)) continue;
    const float* logits = SeenBlock(row, static_cast<int>(b), buffer);
    for (int i = 0; i < kBlockSize; i += kWidth32) {
      const int32_t first_token = static_cast<int32_t>(b) * kBlockSize + i;
      count +=
          static_cast<int32_t>(hn::CountTrue(d, cut.Keeps(hn::LoadU(d, logits + i), first_token)));
    }
    if (HWY_LIKELY(row.EditsOf(static_cast<int>(b)).empty())) continue;
    SeenEdits edits;
    CollectEdits(row, static_cast<int>(b), cut_key, edits);
    count += edits.count;
  }
  return count;
}

// Writes where the bits of a block are set, in ascending order. Returns how many are. Has no
// branch on what is set, which nothing could predict.
HWY_INLINE int32_t WhereSet(const uint8_t (&bits)[kBlockSize / 8],
                            uint8_t (&where)[kBlockSize + 8]) {
  constexpr uint64_t kByteOfEights = 0x0808080808080808;
  int32_t count = 0;
  for (int i = 0; i < kBlockSize / 8; ++i) {
    const uint64_t indices = kWhereSet[bits[i]] + i * kByteOfEights;
    hwy::CopyBytes<8>(&indices, where + count);
    count += std::popcount(bits[i]);
  }
  return count;
}

Gathered Gather(const LogitRow& row, RankKey low, double high, absl::Span<const Block> blocks,
                RankKey* keys, int32_t capacity) {
  const D32 d;
  const Cut cut(low);
  const V32 high_bound = hn::Set(d, FloatDown(high));
  HWY_ALIGN float buffer[kBlockSize];
  Gathered gathered;
  for (size_t b = 0; b < blocks.size(); ++b) {
    if (!Reaches(blocks[b], low)) continue;
    const float* logits = SeenBlock(row, static_cast<int>(b), buffer);
    const int32_t first = static_cast<int32_t>(b) * kBlockSize;
    uint8_t bits[kBlockSize / 8] = {};
    int32_t all = 0;
    for (int i = 0; i < kBlockSize; i += kWidth32) {
      const V32 logit = hn::LoadU(d, logits + i);
      const M32 kept = cut.Keeps(logit, first + i);
      const M32 between = hn::And(kept, hn::Le(logit, high_bound));
      all += static_cast<int32_t>(hn::CountTrue(d, kept));
      uint8_t some[8];
      hn::StoreMaskBits(d, between, some);
      for (int j = 0; j < (kWidth32 + 7) / 8; ++j) bits[i / 8 + j] |= some[j] << (i % 8);
    }
    uint8_t where[kBlockSize + 8];
    const int32_t count = WhereSet(bits, where);
    const int32_t room = std::clamp(capacity - gathered.count, 0, count);
    for (int32_t i = 0; i < room; ++i) {
      keys[gathered.count + i] = KeyOf(LogitAt(logits, where[i]), first + where[i]);
    }
    gathered.count += count;
    gathered.above += all - count;
    if (HWY_LIKELY(row.EditsOf(static_cast<int>(b)).empty())) continue;
    SeenEdits edits;
    CollectEdits(row, static_cast<int>(b), low, edits);
    for (int i = 0; i < edits.count; ++i) {
      if (edits.logits[i] > high) {
        ++gathered.above;
      } else if (gathered.count++ < capacity) {
        keys[gathered.count - 1] = edits.keys[i];
      }
    }
  }
  return gathered;
}

}  // namespace boltzmann::core::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // BOLTZMANN_CORE_KERNELS_INL_H_
