// NumPy's .npy files, as far as logits and masks need them.
#ifndef BOLTZMANN_CLIENT_NPY_H_
#define BOLTZMANN_CLIENT_NPY_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "client/logit_matrix.h"
#include "client/token_masks.h"

namespace boltzmann::client {

// Whether `bytes` begin as every .npy file does.
bool IsNpy(std::string_view bytes);

// Reads a whole .npy file of format 1.0 to 3.0: float32 or float16, little-endian, C order, of
// shape [V], which is one row, or [B, V]. Anything else is INVALID_ARGUMENT, with a message that
// names what was found, what is allowed and, where there is one, the way out. Copies the logits
// once. Source: numpy.lib.format, NEP 1.
absl::StatusOr<LogitMatrix> ParseNpy(std::string_view bytes);

// The same for bitmasks: int32 or uint32, of shape [words], which is one mask, or [B, words].
absl::StatusOr<TokenMasks> ParseNpyMasks(std::string_view bytes);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_NPY_H_
