// The flags of every command that sends a batch of rows: their logits, parameters and states.
#ifndef BOLTZMANN_CLIENT_BATCH_FLAGS_H_
#define BOLTZMANN_CLIENT_BATCH_FLAGS_H_

#include <istream>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "client/common_flags.h"
#include "client/logits_flags.h"
#include "client/params_flags.h"
#include "client/shared_memory_flags.h"
#include "client/state_flags.h"

namespace boltzmann::client {

inline std::vector<std::string_view> BatchFlags() {
  return Joined(
      {LogitsFlags(), SharedMemoryFlags(), SamplingParamsFlags(), SeedFlags(), RowStateFlags()});
}

// Sets the logits, the parameters, one for all rows, and the states, one a row, of any request that
// has them. An error is that of LogitsFromFlags() or AddRowStatesFromFlags().
template <typename Request>
absl::Status SetBatchFromFlags(std::istream& standard_input, Request& request) {
  absl::StatusOr<v1::Logits> logits = LogitsFromFlags(standard_input);
  if (!logits.ok()) return logits.status();
  *request.mutable_logits() = *std::move(logits);
  *request.add_params() = SamplingParamsFromFlags();
  return AddRowStatesFromFlags(request.logits().row_count(), *request.mutable_rows());
}

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_BATCH_FLAGS_H_
