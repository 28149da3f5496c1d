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
  SeenLogits seen;
  float seen_max;  // of seen.floats
};

// Sets the sums of a block that the overlay leaves alone. Returns whether a logit is, or may
// be, a NaN.
HWY_INLINE bool ScanSums(const ScanOptions& options, const Exp32& model, const Exp32& tempered,
                         const float* logits, const Ahead& ahead, Block& block) {
  if (!std::isfinite(block.received_max)) return true;
  if (!options.model_sums) {
    return SumExp(logits, block.received_max, tempered, ahead, block.tempered_sum);
  }
  if (options.tempered_sums && options.temperature != 1.0) {
    return SumExpTwice(logits, block.received_max, model, tempered, ahead, block);
  }
  const bool nan = SumExp(logits, block.received_max, model, ahead, block.model_sum);
  if (options.tempered_sums) block.tempered_sum = block.model_sum;
  return nan;
}

// Adds to a sum over floats, relative to their maximum, that over others; the whole relative to
// `scale.max`.
HWY_NOINLINE double AddLogits(double sum, float max, absl::Span<const double> others,
                              const WeightScale& scale) {
  double logits[kBlockSize + 1];
  double weights[kBlockSize + 1];
  logits[0] = max;
  std::copy(others.begin(), others.end(), logits + 1);
  Weigh(logits, static_cast<int>(others.size()) + 1, scale, weights);
  double total = sum * weights[0];
  for (size_t i = 1; i <= others.size(); ++i) total += weights[i];
  return total;
}

// Sets the sums of a block whose edited tokens are at hand. What is left of it serves both.
HWY_NOINLINE bool ScanEditedSums(const ScanOptions& options, const Exp32& model,
                                 const Exp32& tempered, const LogitRow& row, int index,
                                 const ReadLogits& read, const Ahead& ahead, Block& block) {
  const bool rest = std::isfinite(read.seen_max);
  const bool once = options.temperature == 1.0 || !options.model_sums || !options.tempered_sums;
  Block sums;
  bool nan = !rest;
  if (rest && once) {
    const Exp32& exp = options.model_sums ? model : tempered;
    nan = SumExp(read.seen.floats, read.seen_max, exp, ahead, sums.model_sum);
    sums.tempered_sum = sums.model_sum;
  } else if (rest) {
    nan = SumExpTwice(read.seen.floats, read.seen_max, model, tempered, ahead, sums);
  }
  if (options.model_sums && std::isfinite(block.received_max)) {
    double received[kBlockSize];
    size_t count = 0;
    for (const LogitEdit& edit : row.EditsOf(index)) {
      const float logit = LogitAt(read.received, edit.token_id - index * kBlockSize);
      if (logit > -kInfinity) received[count++] = logit;
    }
    block.model_sum =
        AddLogits(sums.model_sum, read.seen_max, {received, count}, {block.received_max, 1.0});
  }
  if (options.tempered_sums && std::isfinite(block.max)) {
    SeenEdits edits;
    CollectEdits(row, index, kLastFinite, edits);
    block.tempered_sum = AddLogits(sums.tempered_sum, read.seen_max,
                                   {edits.logits, static_cast<size_t>(edits.count)},
                                   {block.max, options.temperature});
  }
  return nan;
}

// Sets the sums of a block in which tokens are hidden.
HWY_NOINLINE bool ScanHiddenSums(const ScanOptions& options, const Exp32& model,
                                 const Exp32& tempered, const LogitRow& row, int index,
                                 const ReadLogits& read, const Ahead& ahead, Block& block) {
  bool nan = true;
  if (options.model_sums && std::isfinite(block.received_max)) {
    nan = SumExp(read.received, block.received_max, model, ahead, block.model_sum);
  } else {
    MaximumAndNan received;
    received.AddBlock(read.received);
    nan = received.MayHaveNan();
  }
  if (!options.tempered_sums || !std::isfinite(block.max)) return nan;
  const ScanOptions tempered_only = {.temperature = options.temperature, .tempered_sums = true};
  ScanEditedSums(tempered_only, model, tempered, row, index, read, ahead, block);
  return nan;
}

// Reads a block and finds its maxima.
template <class Max>
HWY_INLINE ReadLogits ReadMaxima(const LogitRow& row, int index, float* received_buffer,
                                 float* seen_buffer, Max& max, Block& block) {
  block = Block();
  const float* received = ReadBlock(row, index, received_buffer, max);
  const float received_max = block.received_max = max.Total();
  block.max = received_max;
  const SeenLogits seen = OverlayBlock(row, index, received, seen_buffer);
  if (HWY_LIKELY(seen.overlay == Overlay::kNone)) return {received, seen, received_max};
  Maximum seen_max;
  seen_max.AddBlock(seen.floats);
  const float most = seen_max.Total();
  SeenEdits edits;
  CollectEdits(row, index, kLastFinite, edits);
  block.max = most;
  for (int i = 0; i < edits.count; ++i) block.max = std::max(block.max, edits.logits[i]);
  return {received, seen, most};
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
      bool nan;
      if (HWY_LIKELY(read[i].seen.overlay == Overlay::kNone)) {
        nan = ScanSums(options, model, tempered, read[i].received, ahead, block);
      } else if (read[i].seen.overlay == Overlay::kEdits) {
        nan = ScanEditedSums(options, model, tempered, row, index, read[i], ahead, block);
      } else {
        nan = ScanHiddenSums(options, model, tempered, row, index, read[i], ahead, block);
      }
      if (nan) block.received_max = NanOrMax(read[i].received, block.received_max);
    }
  }
}

void Maxima(const LogitRow& row, double bound, absl::Span<Block> blocks) {
  HWY_ALIGN float received_buffer[kBlockSize];
  HWY_ALIGN float seen_buffer[kBlockSize];
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (blocks[i].max < bound) continue;
    Maximum max;
    Block block;
    ReadMaxima(row, static_cast<int>(i), received_buffer, seen_buffer, max, block);
    blocks[i].max = block.max;
  }
}

}  // namespace boltzmann::core::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // BOLTZMANN_CORE_SCAN_INL_H_
