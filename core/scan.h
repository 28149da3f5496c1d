// Everything that is computed by reading a row from front to back.
//
// A row is read in blocks of a fixed size, whatever the machine; the sums inside a
// block have a fixed order, and blocks are combined in theirs. So no bit of a result
// depends on how many threads read the row, or on how wide their registers are.
#ifndef BOLTZMANN_CORE_SCAN_H_
#define BOLTZMANN_CORE_SCAN_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "core/batch.h"
#include "core/logits.h"
#include "core/total_order.h"

namespace boltzmann::core {

// The logits in one block. The last block of a row may have fewer.
inline constexpr int kBlockSize = 256;

// Runs body(0) .. body(count - 1), in any order, maybe on several threads, and returns
// when all have ended.
using ParallelFor = absl::FunctionRef<void(int count, absl::FunctionRef<void(int)> body)>;

// What is known of one block.
struct Block {
  float max = 0;            // NaN if any logit is NaN
  int32_t finite = 0;       // logits above -infinity
  double model_sum = 0;     // of exp(l - max), if asked for
  double tempered_sum = 0;  // of exp((l - max) / T), if asked for
  double kept_mass = 0;     // of exp((l - row max) / T) over kept tokens: set by Tally
};

// What a scan is to compute besides the maxima. Each sum costs an exponential a logit,
// unless the temperature is 1: then one serves for both.
struct ScanOptions {
  double temperature = 1.0;  // T, > 0
  bool model_sums = false;
  bool tempered_sums = false;
};

// A row that has been scanned.
struct ScannedRow {
  const LogitRow& logits;
  ScanOptions options;
  absl::Span<Block> blocks;

  RowStatus status = RowStatus::kOk;
  int32_t offending_token = -1;  // the first NaN or +infinity

  // Valid if `status` is kOk. Totals are in units of the weight of the largest logit.
  float max = 0;              // the largest logit
  int32_t finite = 0;         // logits above -infinity
  double model_total = 0;     // of exp(l - max), if asked for
  double tempered_total = 0;  // of exp((l - max) / T), if asked for
};

// The blocks that a row of `vocab_size` logits has.
constexpr int BlockCount(int32_t vocab_size) { return (vocab_size + kBlockSize - 1) / kBlockSize; }

// Reads the row once. `blocks` is room for BlockCount(vocab_size) of them.
// O(V). Allocates nothing.
ScannedRow Scan(const LogitRow& logits, const ScanOptions& options, absl::Span<Block> blocks,
                ParallelFor parallel_for);

// The weight exp((logit - max) / temperature) of a logit; 0 for -infinity.
double Weight(float logit, float max, double temperature);

// The size and the mass of a set of kept tokens.
struct Kept {
  int32_t count = 0;
  double mass = 0;  // in units of the largest weight
};

// Measures {key >= cut} at `temperature`, and leaves in each block the mass that it
// holds. Reads only blocks that may hold such a token; none if all finite tokens are
// kept and the scan has summed them.
// REQUIRES: `temperature` is the scan's, if that had tempered sums.
Kept Tally(ScannedRow& row, RankKey cut, double temperature);

// The last key of the tokens whose weight at `temperature` is at least `least`.
// REQUIRES: 0 < least <= 1.
RankKey LastKeyAtLeast(const ScannedRow& row, double least, double temperature);

// The first token, in the order of ids, at which the cumulative weight of the kept
// tokens exceeds u * kept.mass. REQUIRES: 0 <= u < 1; `kept` is what the latest Tally
// returned, for this cut and temperature.
int32_t TokenAt(const ScannedRow& row, RankKey cut, double temperature, const Kept& kept, double u);

// The entropy in bits of the kept tokens' distribution. REQUIRES: as TokenAt.
double EntropyBits(const ScannedRow& row, RankKey cut, double temperature, double mass);

// The tokens whose logit is strictly greater.
int32_t CountGreater(const ScannedRow& row, float logit);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_SCAN_H_
