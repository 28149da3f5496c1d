// Everything that is computed by reading a row from front to back.
//
// A row is read in blocks of a fixed size, whatever the machine; the sums inside a
// block have a fixed order, and blocks are combined in theirs. So no bit of a result
// depends on how many threads read the row, or on how wide their registers are.
//
// The scan itself is in single precision: it is what every row pays for. Where its sums are
// too coarse to decide which token is kept or drawn, the row is read again in double.
#ifndef BOLTZMANN_CORE_SCAN_H_
#define BOLTZMANN_CORE_SCAN_H_

#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "core/batch.h"
#include "core/kernels.h"
#include "core/logits.h"
#include "core/total_order.h"

namespace boltzmann::core {

// Runs body(0) .. body(count - 1), in any order, maybe on several threads, and returns
// when all have ended.
using ParallelFor = absl::FunctionRef<void(int count, absl::FunctionRef<void(int)> body)>;

// A row that has been scanned.
struct ScannedRow {
  const Kernels& kernels;
  const LogitRow& logits;
  ScanOptions options;
  absl::Span<Block> blocks;

  RowStatus status = RowStatus::kOk;
  int32_t offending_token = -1;  // the first NaN or +infinity

  // Valid if `status` is kOk. Totals are in units of the weight of the largest logit, and
  // within kScanError of it.
  double max = 0;             // the largest logit as sampling sees it
  float received_max = 0;     // the largest as received
  double model_total = 0;     // of exp(l - received_max) as received, if asked for
  double tempered_total = 0;  // of exp((l - max) / T), if asked for
  bool scan_masses = false;   // whether the blocks' kept_mass are the parts of that

  // The weights exp((l - max) / temperature).
  WeightScale Scale(double temperature) const { return {max, temperature}; }
};

// Reads the row once. `blocks` is room for BlockCount(vocab_size) of them.
// O(V). Allocates nothing.
ScannedRow Scan(const Kernels& kernels, const LogitRow& logits, const ScanOptions& options,
                absl::Span<Block> blocks, ParallelFor parallel_for);

// Reads again what a ceiling that has come down on the row's logits has changed.
void ApplyCeiling(ScannedRow& row);

// The mass of a set of kept tokens, in units of the largest weight; the blocks' kept_mass is
// its parts.
struct Kept {
  double mass = 0;
  double error = 0;  // relative: kScanError, or 0 if it was summed in double
};

// Reads the row again, to sum at another temperature. The sums of the model's distribution have
// been added up and are forgotten. REQUIRES: kGreedyTemperature <= temperature <=
// kMaxScanTemperature.
void SumAt(ScannedRow& row, double temperature);

// Measures {key >= cut} at `temperature`. Reads only blocks that may hold such a token; none
// if all finite tokens are kept and the scan has summed them at this temperature.
Kept Tally(ScannedRow& row, RankKey cut, double temperature);

// The same, always in double.
Kept TallyExactly(ScannedRow& row, RankKey cut, double temperature);

// The same, where all keys >= cut are at hand. O(V / kBlockSize + their number).
Kept TallyKeys(ScannedRow& row, absl::Span<const RankKey> keys, double temperature);

// The last key of the tokens whose weight at `temperature` is at least `least`.
// REQUIRES: 0 < least <= 1.
RankKey LastKeyAtLeast(const ScannedRow& row, double least, double temperature);

// The first token, in the order of ids, at which the cumulative weight of the kept
// tokens exceeds u * kept.mass. Nothing if that is too close to call within kept.error.
// REQUIRES: 0 <= u < 1; `kept` is what the latest tally returned, for this cut and
// temperature.
std::optional<int32_t> TokenAt(const ScannedRow& row, RankKey cut, double temperature,
                               const Kept& kept, double u);

// The entropy in bits of the distribution of {key >= cut}. REQUIRES: `mass` is theirs.
double EntropyBits(ScannedRow& row, RankKey cut, double temperature, double mass);

// Does what TallyExactly does, and sums w * ln(w) over the weights too.
MassAndLogs TallyLogs(ScannedRow& row, RankKey cut, double temperature);

// The tokens with key >= cut.
int32_t Count(const ScannedRow& row, RankKey cut);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_SCAN_H_
