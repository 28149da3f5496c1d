// Sparse rows: what a caller sends that picks the candidates itself.
#ifndef BOLTZMANN_CLIENT_SPARSE_ROWS_H_
#define BOLTZMANN_CLIENT_SPARSE_ROWS_H_

#include <cstdint>

#include "boltzmann/v1/sampler.pb.h"
#include "client/logit_matrix.h"

namespace boltzmann::client {

// The first `count` tokens of each row in the total order, most likely first, all of them if there
// are no more; `count` is at least 1. A NaN counts as the largest, so that the server sees it.
// `log_sum_exp` is that of the whole row, in double precision; unset if it is not finite, as in a
// row with a NaN or an infinity above. O(B * (V + count log count)).
v1::SparseRows SelectCandidates(const LogitMatrix& matrix, uint32_t count);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_SPARSE_ROWS_H_
