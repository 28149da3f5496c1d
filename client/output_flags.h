// The flags that say what to report. Each is named after a field of OutputOptions and sets that
// field and nothing else; one that is not given leaves it unset.
#ifndef BOLTZMANN_CLIENT_OUTPUT_FLAGS_H_
#define BOLTZMANN_CLIENT_OUTPUT_FLAGS_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "boltzmann/v1/sampler.pb.h"

namespace boltzmann::client {

// --logprobs, --ranks, --top_model_count, --top_sampled_count, --named_token_ids, --entropy,
// --kept_stats. Misuse if --logprobs is not one of its words.
std::vector<std::string_view> OutputOptionsFlags();
absl::StatusOr<v1::OutputOptions> OutputOptionsFromFlags();

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_OUTPUT_FLAGS_H_
