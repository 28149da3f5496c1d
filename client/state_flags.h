// The flags that say where a row's sequence stands. Each is named after a field of RowState and
// sets that field and nothing else; one that is not given leaves it unset.
#ifndef BOLTZMANN_CLIENT_STATE_FLAGS_H_
#define BOLTZMANN_CLIENT_STATE_FLAGS_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "boltzmann/v1/sampler.pb.h"

namespace boltzmann::client {

// --seed. Row i of a call takes seed + i, modulo 2^64, so that equal rows differ.
std::vector<std::string_view> SeedFlags();

// --draw_count.
std::vector<std::string_view> DrawCountFlags();

// --position, --prompt_token_ids, --output_token_ids, --allowed_token_mask, --mirostat_mu.
std::vector<std::string_view> RowStateFlags();

// The state of row `row` by all these flags, but for --allowed_token_mask.
v1::RowState RowStateFromFlags(uint32_t row);

// Adds `row_count` states. --allowed_token_mask names a file, which has one mask for all rows or
// one a row. An error of the file is as ReadTokenMasks() says, INVALID_ARGUMENT if it has another
// number of masks.
absl::Status AddRowStatesFromFlags(uint32_t row_count,
                                   google::protobuf::RepeatedPtrField<v1::RowState>& states);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_STATE_FLAGS_H_
