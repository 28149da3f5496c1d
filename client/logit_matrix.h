// Rows of logits in memory, as the API carries them.
#ifndef BOLTZMANN_CLIENT_LOGIT_MATRIX_H_
#define BOLTZMANN_CLIENT_LOGIT_MATRIX_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "boltzmann/v1/sampler.pb.h"

namespace boltzmann::client {

// A packed `[row_count, vocab_size]` matrix. `bytes` holds row after row, little-endian, and is
// exactly as long as the other fields say.
struct LogitMatrix {
  v1::DataType data_type = v1::DATA_TYPE_FLOAT32;
  uint32_t row_count = 0;
  uint32_t vocab_size = 0;
  std::string bytes;
};

// Bytes of one logit: 4 or 2. `type` must not be DATA_TYPE_UNSPECIFIED.
size_t SizeOf(v1::DataType type);

// The logit of token `id` in row `row`, both of which must be in the matrix. Exact.
float LogitAt(const LogitMatrix& matrix, uint32_t row, uint32_t id);

// The same logits, each as the nearest value of `type`, ties to even; to a wider type exact. What
// is too large for `type` becomes infinity, which the server reports for the row. O(B * V).
LogitMatrix ConvertTo(LogitMatrix matrix, v1::DataType type);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_LOGIT_MATRIX_H_
