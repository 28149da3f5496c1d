// The flags that say how to sample and what to report. Each is named after a field of
// sampler.proto and sets that field and nothing else; one that is not given leaves it unset.
#ifndef BOLTZMANN_CLIENT_SAMPLING_FLAGS_H_
#define BOLTZMANN_CLIENT_SAMPLING_FLAGS_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "boltzmann/v1/sampler.pb.h"

namespace boltzmann::client {

// --temperature, --min_p, --top_k, --top_p.
std::vector<std::string_view> SamplingParamsFlags();
v1::SamplingParams SamplingParamsFromFlags();

// --seed. Row i of a call takes seed + i, modulo 2^64, so that equal rows differ.
std::vector<std::string_view> SeedFlags();

// --position, --draw_count. They and the seed make a row's state.
std::vector<std::string_view> RowStateFlags();
v1::RowState RowStateFromFlags(uint32_t row);

// --logprobs, --ranks, --top_model_count, --top_sampled_count, --named_token_ids, --entropy,
// --kept_stats. Misuse if a value is not one of the words or not a number.
std::vector<std::string_view> OutputOptionsFlags();
absl::StatusOr<v1::OutputOptions> OutputOptionsFromFlags();

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_SAMPLING_FLAGS_H_
