// One row of a request: picked out, or given several times.
#ifndef BOLTZMANN_CLIENT_ONE_ROW_H_
#define BOLTZMANN_CLIENT_ONE_ROW_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "boltzmann/v1/sampler.pb.h"

namespace boltzmann::client {

// Leaves only row `row` of a request whose logits are inline and packed, or sparse, and which has
// one entry of parameters and a state for each row. Misuse, naming --row, if there is no such row.
absl::Status KeepRow(uint32_t row, v1::DescribeRequest& request);

// Makes `count` rows of the only one of such a request, each with parameters of its own. O(count *
// V).
void RepeatRow(size_t count, v1::DescribeRequest& request);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_ONE_ROW_H_
