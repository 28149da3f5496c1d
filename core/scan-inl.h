// The scan of a row, included once for each instruction set. The contracts are in kernels.h.

#if defined(BOLTZMANN_CORE_SCAN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BOLTZMANN_CORE_SCAN_INL_H_
#undef BOLTZMANN_CORE_SCAN_INL_H_
#else
#define BOLTZMANN_CORE_SCAN_INL_H_
#endif

#include <algorithm>
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

// ------------------------------------------------------------------ weights

void Weigh(const double* logits, int count, const WeightScale& scale, double* weights) {
  const D64 d;
  const Exp64 exp(scale.temperature);
  const V64 origin = hn::Set(d, scale.max);
  HWY_ALIGN double padded[kLanes];
  HWY_ALIGN double out[kLanes];
  for (int i = 0; i < count; i += kLanes) {
    const bool whole = i + kLanes <= count;
    const double* from = logits + i;
    if (!whole) {
      for (int j = 0; j < kLanes; ++j) padded[j] = i + j < count ? logits[i + j] : scale.max;
      from = padded;
    }
    V64 x[Sum::kVectors];
    for (int j = 0; j < Sum::kVectors; ++j) {
      x[j] = hn::Sub(hn::LoadU(d, from + j * kWidth64), origin);
    }
    exp(x);
    double* to = whole ? weights + i : out;
    for (int j = 0; j < Sum::kVectors; ++j) hn::StoreU(x[j], d, to + j * kWidth64);
    for (int j = 0; !whole && i + j < count; ++j) weights[i + j] = out[j];
  }
}

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
        address_(reinterpret_cast<uintptr_t>(row.AddressOf(block * kBlockSize)) + kPrefetchBytes) {}

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
  SeenLogits seen;
};

// Sets the sums of a block: of both distributions over one set of floats, whose maximum is
// block.float_max. Returns whether a logit is, or may be, a NaN.
HWY_INLINE bool ScanSums(const ScanOptions& options, const Exp32& model, const Exp32& tempered,
                         const float* logits, const Ahead& ahead, Block& block) {
  block.model_max = block.float_max;
  if (!std::isfinite(block.float_max)) return true;
  if (!options.model_sums) {
    return SumExp(logits, block.float_max, tempered, ahead, block.tempered_sum);
  }
  if (options.tempered_sums && options.temperature != 1.0) {
    return SumExpTwice(logits, block.float_max, model, tempered, ahead, block);
  }
  const bool nan = SumExp(logits, block.float_max, model, ahead, block.model_sum);
  if (options.tempered_sums) block.tempered_sum = block.model_sum;
  return nan;
}

// The same where tokens are hidden: then the two are over different floats.
HWY_NOINLINE bool ScanHiddenSums(const ScanOptions& options, const Exp32& model,
                                 const Exp32& tempered, const ReadLogits& read, const Ahead& ahead,
                                 Block& block) {
  block.model_max = block.received_max;
  bool nan = true;
  if (!options.model_sums) {
    MaximumAndNan received;
    received.AddBlock(read.received);
    nan = received.MayHaveNan();
  } else if (std::isfinite(block.received_max)) {
    nan = SumExp(read.received, block.received_max, model, ahead, block.model_sum);
  }
  if (options.tempered_sums && std::isfinite(block.float_max)) {
    SumExp(read.seen.floats, block.float_max, tempered, ahead, block.tempered_sum);
  }
  return nan;
}

// The largest logit of a block, its edited tokens included.
HWY_NOINLINE double MaxWithEdits(const LogitRow& row, int block, float float_max) {
  SeenEdits edits;
  CollectEdits(row, block, kLastFinite, edits);
  double max = float_max;
  for (int i = 0; i < edits.count; ++i) max = std::max(max, edits.logits[i]);
  return max;
}

// Reads a block and finds its maxima. What was known of it stays until it has been read.
template <class Max>
HWY_INLINE ReadLogits ReadMaxima(const LogitRow& row, int index, float* received_buffer,
                                 float* seen_buffer, Max& max, Block& block) {
  const float* received = ReadBlock(row, index, received_buffer, max);
  block = Block();
  block.received_max = max.Total();
  block.max = block.float_max = block.received_max;
  const SeenLogits seen = OverlayBlock(row, index, received, seen_buffer);
  if (HWY_LIKELY(seen.overlay == Overlay::kNone)) return {received, seen};
  Maximum seen_max;
  seen_max.AddBlock(seen.floats);
  block.max = block.float_max = seen_max.Total();
  block.model_whole = seen.overlay == Overlay::kHidden;
  if (!row.EditsOf(index).empty()) block.max = MaxWithEdits(row, index, block.float_max);
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
      const int index = first + begin + i;
      const Ahead ahead(row, index);
      const bool hidden = read[i].seen.overlay == Overlay::kHidden;
      const bool nan = HWY_UNLIKELY(hidden)
                           ? ScanHiddenSums(options, model, tempered, read[i], ahead, block)
                           : ScanSums(options, model, tempered, read[i].seen.floats, ahead, block);
      if (nan) block.received_max = NanOrMax(read[i].received, block.received_max);
    }
  }
}

}  // namespace boltzmann::core::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // BOLTZMANN_CORE_SCAN_INL_H_
