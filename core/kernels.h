// The loops over a row, built once for each instruction set from one body
// (kernels-inl.h). Internal to core.
//
// Every kernel gives the same bits whatever the instruction set: a fixed block size, fixed
// lanes inside a block, fused multiply-adds written out, and exponentials of our own.
#ifndef BOLTZMANN_CORE_KERNELS_H_
#define BOLTZMANN_CORE_KERNELS_H_

#include <cstdint>

#include "absl/types/span.h"
#include "core/instruction_set.h"
#include "core/logits.h"
#include "core/total_order.h"

namespace boltzmann::core {

// What is known of one block. Sums are over its floats: those of edited tokens are added to them
// elsewhere, in double.
struct Block {
  double max = 0;           // as sampling sees it
  float received_max = 0;   // as received; NaN if any logit is NaN
  float float_max = 0;      // as sampling sees it, without edited tokens
  double model_sum = 0;     // of exp(l - model_max) as received, if asked for
  double tempered_sum = 0;  // of exp((l - float_max) / T), if asked for
  double kept_mass = 0;     // of exp((l - row max) / T) over kept tokens: set by Tally
  float model_max = 0;
  bool model_whole = true;  // whether model_sum has the edited tokens too
};

// A sum that a scan finds is within this much of the true one, relatively. Single
// precision: 1.1e-7 from the polynomial, 1.2e-7 from evaluating it, at most 4.5e-7 from the
// argument where it weighs most, at most 4.2e-7 from adding up.
inline constexpr double kScanError = 1.25e-6;

// What a scan is to compute besides the maxima. Each sum costs an exponential a logit,
// unless the temperature is 1 and the row has no overlay: then one serves for both.
struct ScanOptions {
  double temperature = 1.0;  // T, in [kGreedyTemperature, kMaxScanTemperature] if summed
  bool model_sums = false;
  bool tempered_sums = false;
};

// Above this, 1 / T leaves the range where single precision is precise.
inline constexpr double kMaxScanTemperature = 0x1p60;

// exp((l - max) / T), to within 2e-14 of it; exactly 1 at max. What is below 2^-1020,
// -infinity too, gives about 2^-1020.
struct WeightScale {
  double max;          // of the row
  double temperature;  // T, in [kGreedyTemperature, 1e200]
};

// What one pass over a row finds on both sides of two bounds.
struct Zones {
  double all = 0;    // the mass of {key >= cut}
  double lower = 0;  // of {logit >= low} within it
  double upper = 0;  // of {logit > high} within it
};

// The sum of weights w, and of w * ln(w).
struct MassAndLogs {
  double mass = 0;
  double logs = 0;
};

// What tells how logits spread around an origin.
struct Moments {
  int32_t count = 0;
  double sum = 0;      // of l - origin
  double squares = 0;  // of their squares
};

// What a gathering finds.
struct Gathered {
  int32_t count = 0;  // tokens between the bounds
  int32_t above = 0;  // tokens with key >= low and logit > high
};

struct Kernels {
  // Finds the maxima and sums of blocks [first, first + blocks.size()).
  void (*scan)(const LogitRow& row, const ScanOptions& options, int first,
               absl::Span<Block> blocks);

  // The weights of `count` logits, none above the maximum.
  void (*weigh)(const double* logits, int count, const WeightScale& scale, double* weights);

  // Sets kept_mass to the mass of {key >= cut}, and returns the sum. Reads only blocks that
  // reach the cut.
  double (*tally)(const LogitRow& row, const WeightScale& scale, RankKey cut,
                  absl::Span<Block> blocks);

  // Sets kept_mass to the mass of {logit > high} within {key >= cut}.
  Zones (*tally_zones)(const LogitRow& row, const WeightScale& scale, RankKey cut, double low,
                       double high, absl::Span<Block> blocks);

  // Does what tally does, to the same bits, and sums w * ln(w) over the weights too.
  MassAndLogs (*tally_logs)(const LogitRow& row, const WeightScale& scale, RankKey cut,
                            absl::Span<Block> blocks);

  // The moments of the logits of {key >= cut}.
  Moments (*moments)(const LogitRow& row, double origin, RankKey cut,
                     absl::Span<const Block> blocks);

  // The number of tokens with key >= cut.
  int32_t (*count)(const LogitRow& row, RankKey cut, absl::Span<const Block> blocks);

  // Finds the tokens with key >= low and logit <= high, block by block. Writes the keys of the
  // first `capacity`.
  Gathered (*gather)(const LogitRow& row, RankKey low, double high, absl::Span<const Block> blocks,
                     RankKey* keys, int32_t capacity);
};

// REQUIRES: the set is one of SupportedInstructionSets().
const Kernels& KernelsFor(InstructionSet set);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_KERNELS_H_
