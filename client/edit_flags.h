// The flags that change a row's logits before its stages run: the part of SamplingParams that
// params_flags.h leaves to this file.
#ifndef BOLTZMANN_CLIENT_EDIT_FLAGS_H_
#define BOLTZMANN_CLIENT_EDIT_FLAGS_H_

#include <string_view>
#include <vector>

#include "boltzmann/v1/sampler.pb.h"

namespace boltzmann::client {

// --logit_bias, the lists of tokens, and the penalties.
std::vector<std::string_view> EditFlags();

// Sets the fields whose flags are given, and no others.
void SetEditsFromFlags(v1::SamplingParams& params);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_EDIT_FLAGS_H_
