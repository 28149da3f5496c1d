// The body of the kernels, included once for each instruction set. The contracts are in
// kernels.h, the arithmetic in arithmetic-inl.h, what reads a block in block-inl.h.

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
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace boltzmann::core::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// The blocks whose maxima are found before their sums: enough for the processor to go on
// with the next block while a maximum is on its way; few, so that they stay in the L1 cache.
constexpr int kGroup = 4;

// How far ahead of what is read memory is asked for.
constexpr size_t kPrefetchBytes = 12288;

// ------------------------------------------------------------------ NaN, and memory ahead

// A NaN of a block if it has one, else its largest logit.
HWY_NOINLINE float NanOrMax(const float* logits, float max) {
  for (int i = 0; i < kBlockSize; ++i) {
    if (std::isnan(LogitAt(logits, i))) return LogitAt(logits, i);
  }
  return max;
}

// The memory that is read some time after a block.
class Ahead {
 public:
  Ahead(const LogitRow& row, int block)
      : stride_(SizeOf(row.type())),
        address_(reinterpret_cast<uintptr_t>(row.Contiguous(block * kBlockSize, 1)) +
                 kPrefetchBytes) {}

  // Asks for what corresponds to logits [first, first + count).
  HWY_INLINE void Prefetch(int first, int count) const {
    for (int i = first; i < first + count; i += 16) {
      __builtin_prefetch(reinterpret_cast<const void*>(address_ + i * stride_));
    }
  }

 private:
  size_t stride_;
  uintptr_t address_;  // of nothing where a piece ends, which does no harm
};

// ------------------------------------------------------------------ scan

// Finds the sum of exp(l - max). Returns whether there was a NaN.
HWY_INLINE bool SumExp(const float* HWY_RESTRICT logits, float max, const Exp32& exp,
                       const Ahead& ahead, double& total) {
  const D32 d;
  const V32 origin = hn::Set(d, max);
  Exp32::Bits trace = hn::Zero(hn::RebindToUnsigned<D32>());
  ScanSum sum;
  for (int i = 0; i < kBlockSize; i += kChains32 * kWidth32) {
    ahead.Prefetch(i, kChains32 * kWidth32);
    V32 x[kChains32];
    for (int j = 0; j < kChains32; ++j) {
      x[j] = hn::Sub(hn::LoadU(d, logits + i + j * kWidth32), origin);
    }
    exp(x, trace);
    sum.Add(x);
  }
  total = sum.Total();
  return Exp32::HadNan(trace);
}

// The same at two temperatures.
HWY_INLINE bool SumExpTwice(const float* HWY_RESTRICT logits, float max, const Exp32& exp1,
                            const Exp32& exp2, const Ahead& ahead, Block& block) {
  const D32 d;
  const V32 origin = hn::Set(d, max);
  Exp32::Bits trace = hn::Zero(hn::RebindToUnsigned<D32>());
  ScanSum sum1, sum2;
  for (int i = 0; i < kBlockSize; i += kChains32 * kWidth32) {
    ahead.Prefetch(i, kChains32 * kWidth32);
    V32 x[kChains32];
    V32 y[kChains32];
    for (int j = 0; j < kChains32; ++j) {
      x[j] = y[j] = hn::Sub(hn::LoadU(d, logits + i + j * kWidth32), origin);
    }
    exp1(x, trace);
    sum1.Add(x);
    exp2(y);
    sum2.Add(y);
  }
  block.model_sum = sum1.Total();
  block.tempered_sum = sum2.Total();
  return Exp32::HadNan(trace);
}

// A block as it was read, and as sampling sees it.
struct ReadLogits {
  const float* received;
  const float* seen;
};

// Sets the sums of a block. Returns whether a logit received is, or may be, a NaN.
HWY_INLINE bool ScanSums(const ScanOptions& options, const Exp32& model, const Exp32& tempered,
                         const ReadLogits& read, const Ahead& ahead, Block& block) {
  const auto [received, seen] = read;
  const bool same = received == seen;
  const bool model_sum = options.model_sums && std::isfinite(block.received_max);
  const bool tempered_sum = options.tempered_sums && std::isfinite(block.max);
  if (same && model_sum && tempered_sum && options.temperature != 1.0) {
    return SumExpTwice(seen, block.max, model, tempered, ahead, block);
  }
  bool nan = true;
  if (model_sum) nan = SumExp(received, block.received_max, model, ahead, block.model_sum);
  if (!tempered_sum) return nan;
  if (same && model_sum) {
    block.tempered_sum = block.model_sum;
    return nan;
  }
  const bool seen_nan = SumExp(seen, block.max, tempered, ahead, block.tempered_sum);
  return same ? seen_nan : nan;
}

// Reads a block and finds its maxima.
template <class Max>
HWY_INLINE ReadLogits ReadMaxima(const LogitRow& row, int index, float* received_buffer,
                                 float* seen_buffer, Max& max, Block& block) {
  block = Block();
  const float* received = ReadBlock(row, index, received_buffer, max);
  block.received_max = block.max = max.Total();
  const float* seen = OverlayBlock(row, index, received, seen_buffer);
  if (HWY_UNLIKELY(seen != received)) {
    Maximum seen_max;
    seen_max.AddBlock(seen);
    block.max = seen_max.Total();
  }
  return {received, seen};
}

// A scan for maxima only.
void ScanMaxima(const LogitRow& row, int first, absl::Span<Block> blocks) {
  HWY_ALIGN float received_buffer[kBlockSize];
  HWY_ALIGN float seen_buffer[kBlockSize];
  for (size_t i = 0; i < blocks.size(); ++i) {
    const int index = first + static_cast<int>(i);
    Ahead(row, index).Prefetch(0, kBlockSize);
    MaximumAndNan max;
    const ReadLogits read = ReadMaxima(row, index, received_buffer, seen_buffer, max, blocks[i]);
    if (HWY_UNLIKELY(max.MayHaveNan())) {
      blocks[i].received_max = NanOrMax(read.received, blocks[i].received_max);
    }
  }
}

void Scan(const LogitRow& row, const ScanOptions& options, int first, absl::Span<Block> blocks) {
  if (!options.model_sums && !options.tempered_sums) return ScanMaxima(row, first, blocks);
  const Exp32 model(1.0);
  const Exp32 tempered(options.tempered_sums ? options.temperature : 1.0);
  HWY_ALIGN float received_buffer[kGroup][kBlockSize];
  HWY_ALIGN float seen_buffer[kGroup][kBlockSize];
  ReadLogits read[kGroup];
  const int count = static_cast<int>(blocks.size());
  for (int begin = 0; begin < count; begin += kGroup) {
    const int group = std::min(kGroup, count - begin);
    for (int i = 0; i < group; ++i) {
      Maximum max;
      read[i] = ReadMaxima(row, first + begin + i, received_buffer[i], seen_buffer[i], max,
                           blocks[begin + i]);
    }
    for (int i = 0; i < group; ++i) {
      Block& block = blocks[begin + i];
      const Ahead ahead(row, first + begin + i);
      if (ScanSums(options, model, tempered, read[i], ahead, block)) {
        block.received_max = NanOrMax(read[i].received, block.received_max);
      }
    }
  }
}

// ------------------------------------------------------------------ weights

void Weigh(const float* logits, int count, const WeightScale& scale, double* weights) {
  const D64 d;
  const Exp64 exp(scale.temperature);
  const V64 origin = hn::Set(d, static_cast<double>(scale.max));
  HWY_ALIGN float padded[kLanes];
  HWY_ALIGN double out[kLanes];
  for (int i = 0; i < count; i += kLanes) {
    const bool whole = i + kLanes <= count;
    const float* from = logits + i;
    if (!whole) {
      for (int j = 0; j < kLanes; ++j) padded[j] = i + j < count ? logits[i + j] : scale.max;
      from = padded;
    }
    V64 x[Sum::kVectors];
    for (int j = 0; j < Sum::kVectors; ++j) {
      const V64 logit = hn::PromoteTo(d, hn::LoadU(DHalf(), from + j * kWidth64));
      x[j] = hn::Sub(logit, origin);
    }
    exp(x);
    double* to = whole ? weights + i : out;
    for (int j = 0; j < Sum::kVectors; ++j) hn::StoreU(x[j], d, to + j * kWidth64);
    for (int j = 0; !whole && i + j < count; ++j) weights[i + j] = out[j];
  }
}

// 0, 1, 2 ...
HWY_ALIGN constexpr int32_t kIota[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// Whether a block can hold a token with key >= cut.
HWY_INLINE bool Reaches(const Block& block, RankKey cut) { return block.max >= LogitOf(cut); }

// {key >= cut} as a mask over the logits of a block.
class Cut {
 public:
  explicit Cut(RankKey cut) : logit_(LogitOf(cut)), token_(TokenOf(cut)) {}
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
  const V64 max = hn::Set(D64(), static_cast<double>(scale.max));
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
    blocks[b].kept_mass = sum.Total();
    total += blocks[b].kept_mass;
  }
  return total;
}

Zones TallyZones(const LogitRow& row, const WeightScale& scale, RankKey cut_key, float low,
                 float high, absl::Span<Block> blocks) {
  const D64 d;
  const Exp64 exp(scale.temperature);
  const V64 max = hn::Set(D64(), static_cast<double>(scale.max));
  const Cut cut(cut_key);
  const V64 low_bound = hn::Set(d, static_cast<double>(low));
  const V64 high_bound = hn::Set(d, static_cast<double>(high));
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
    zones.all += all.Total();
    zones.lower += lower.Total();
    zones.upper += blocks[b].kept_mass = upper.Total();
  }
  return zones;
}

double WeightedLogs(const LogitRow& row, const WeightScale& scale, RankKey cut_key,
                    absl::Span<const Block> blocks) {
  const D64 d;
  const Exp64 exp(scale.temperature);
  const V64 max = hn::Set(D64(), static_cast<double>(scale.max));
  const Cut cut(cut_key);
  const V64 per_temperature = hn::Set(d, 1.0 / scale.temperature);
  HWY_ALIGN float buffer[kBlockSize];
  HWY_ALIGN float kept[kBlockSize];
  double total = 0;
  for (size_t b = 0; b < blocks.size(); ++b) {
    if (!Reaches(blocks[b], cut_key)) continue;
    const float* logits = KeptBlock(row, static_cast<int>(b), cut_key, cut, buffer, kept);
    Sum sum;
    for (int i = 0; i < kBlockSize; i += kChains64 * kWidth64) {
      V64 x[kChains64];
      LoadRelative(logits + i, max, x);
      V64 log[kChains64];
      for (int j = 0; j < kChains64; ++j) log[j] = hn::Mul(exp.Clamp(x[j]), per_temperature);
      exp(x);
      for (int j = 0; j < kChains64; ++j) x[j] = hn::Mul(x[j], log[j]);
      sum.Add(x);
    }
    total += sum.Total();
  }
  return total;
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

Gathered Gather(const LogitRow& row, RankKey low, float high, absl::Span<const Block> blocks,
                RankKey* keys, int32_t capacity) {
  const D32 d;
  const Cut cut(low);
  const V32 high_bound = hn::Set(d, high);
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
  }
  return gathered;
}

}  // namespace boltzmann::core::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // BOLTZMANN_CORE_KERNELS_INL_H_
