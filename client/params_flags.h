// The flags that say how a token is chosen. Each is named after a field of SamplingParams and sets
// that field and nothing else; one that is not given leaves it unset.
#ifndef BOLTZMANN_CLIENT_PARAMS_FLAGS_H_
#define BOLTZMANN_CLIENT_PARAMS_FLAGS_H_

#include <string_view>
#include <vector>

#include "boltzmann/v1/sampler.pb.h"

namespace boltzmann::client {

// Every field of SamplingParams: --temperature, --min_p and so on.
std::vector<std::string_view> SamplingParamsFlags();
v1::SamplingParams SamplingParamsFromFlags();

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_PARAMS_FLAGS_H_
