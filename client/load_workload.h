// What the calls of a load test carry.
#ifndef BOLTZMANN_CLIENT_LOAD_WORKLOAD_H_
#define BOLTZMANN_CLIENT_LOAD_WORKLOAD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "boltzmann/v1/sampler.pb.h"
#include "client/client.h"
#include "client/logit_matrix.h"
#include "client/payload.h"
#include "client/shared_region.h"

namespace boltzmann::client {

enum class Shape {
  // A background of N(0, 2.5), and 50 random tokens with a head of A - 1.3 ln(rank) that holds most
  // of the mass, as in a language model's rows.
  kPeaked,
  kFlat,  // N(0, 1)
};

// `row_count` rows of `vocab_size` float32 logits; the same each time.
LogitMatrix MakeLogits(Shape shape, uint32_t row_count, uint32_t vocab_size);

// Parameters such that neighbours differ in temperature, top-k, top-p and min-p.
v1::SamplingParams MixedParams(uint32_t row);

// The same call, as often as it is asked for: the same rows, seeds and parameters, so that every
// answer must be the same, to the bit.
struct LoadWorkload {
  // Everything, if `inline_data` has no owner; else everything but that.
  v1::SampleRequest request;
  Payload inline_data;
  std::shared_ptr<const SharedRegion> region;  // keeps the rows that `request` names; may be null
  uint64_t logit_bytes = 0;                    // of a call, wherever they are

  uint32_t row_count() const { return request.logits().row_count(); }
};

// The rows of `matrix` with row i at seed `seed` + i; `params` are one for all rows, or one a row.
v1::SampleRequest RequestWithoutLogits(const LogitMatrix& matrix, uint64_t seed);

// Sends the rows inline, sparse (the first `count` tokens of each), or leaves them in a region of
// the directory. An error of SharedRegion::Create().
LoadWorkload InlineWorkload(v1::SampleRequest request, LogitMatrix matrix);
LoadWorkload SparseWorkload(v1::SampleRequest request, const LogitMatrix& matrix, uint32_t count);
absl::StatusOr<LoadWorkload> SharedWorkload(v1::SampleRequest request, const LogitMatrix& matrix,
                                            const Client& client, const std::string& directory);

// The answer that every call must get, row by row, each sampled in a call of its own.
absl::StatusOr<v1::SampleResponse> ExpectedAnswer(const Client& client,
                                                  const LoadWorkload& workload);

// Whether tokens and log-probs are the same, to the bit.
bool IsSameAnswer(const v1::SampleResponse& a, const v1::SampleResponse& b);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_LOAD_WORKLOAD_H_
