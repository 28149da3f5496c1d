// The temperature at which a batch's scored tokens are most likely.
#ifndef BOLTZMANN_CORE_TEMPERATURE_FIT_H_
#define BOLTZMANN_CORE_TEMPERATURE_FIT_H_

#include <optional>

#include "absl/functional/function_ref.h"
#include "core/batch.h"
#include "core/distribution.h"

namespace boltzmann::core {

// Runs body(worker, row) for rows 0 .. count - 1, maybe on several workers, and returns when all
// have ended.
using ForRows = absl::FunctionRef<void(int count, absl::FunctionRef<void(int, int)> body)>;

// Fits over the rows of `batch` that have an answer; nothing if there are none, or if `is_dropped`
// said so or a shared row was seen to change. Reads them twice for each of some 20 temperatures.
// REQUIRES: every row has a scored token and none is sparse; they have been sampled; `scratch` has
// an entry for each worker.
std::optional<TemperatureFit> FitTemperature(const Kernels& kernels, const Batch& batch,
                                             absl::Span<RowScratch> scratch, ForRows for_rows,
                                             absl::FunctionRef<bool()> is_dropped);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_TEMPERATURE_FIT_H_
