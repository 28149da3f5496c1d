// Between the wire's messages and the core's types. The only place that knows both.
#ifndef BOLTZMANN_SERVER_CONVERT_H_
#define BOLTZMANN_SERVER_CONVERT_H_

#include <vector>

#include "absl/status/status.h"
#include "boltzmann/v1/sampler.pb.h"
#include "core/batch.h"
#include "server/limits.h"

namespace boltzmann::server {

// A request as the core takes it. The rows of `batch` point into the other members and
// into the request itself.
struct DecodedRequest {
  std::vector<core::SamplingParams> params;  // one, or one a row
  std::vector<core::OutputOptions> outputs;  // one, or one a row
  std::vector<core::RowState> states;        // one a row
  core::Batch batch;
};

// Decodes and validates. Rows without a seed get one from the operating system.
// `request` must outlive `decoded`.
//
// INVALID_ARGUMENT (BadRequest) with every rule that the request breaks;
// RESOURCE_EXHAUSTED if it breaks none but exceeds a limit.
absl::Status Decode(const v1::SampleRequest& request, const Limits& limits,
                    DecodedRequest& decoded);

// Writes the results of a batch that ended with OK.
void Encode(const core::Batch& batch, v1::SampleResponse& response);

// The logit type's name in messages and logs, such as "float32".
const char* NameOf(v1::DataType type);

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_CONVERT_H_
