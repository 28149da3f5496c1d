// Between the wire's messages and the core's types. The only place that knows both.
#ifndef BOLTZMANN_SERVER_CONVERT_H_
#define BOLTZMANN_SERVER_CONVERT_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "boltzmann/v1/sampler.pb.h"
#include "core/batch.h"
#include "server/body.h"
#include "server/limits.h"
#include "server/regions.h"

namespace boltzmann::server {

// What a request refers to.
struct Surroundings {
  const Body& body;  // from which it was parsed
  const Limits& limits;
  Regions* regions = nullptr;  // nullptr if the server takes no shared memory
};

// A request as the core takes it. The rows of `batch` point into the other members, into the
// request and into its body: neither lists nor logits are copied. Neither copied nor moved.
struct DecodedRequest {
  std::vector<core::SamplingParams> params;  // one, or one a row (of Verify: a sequence)
  std::vector<core::OutputOptions> outputs;  // one, or one a row (of Verify: a sequence)
  std::vector<core::RowState> states;        // one a row (of Verify: a sequence)
  core::Batch batch;

  // What the request has in another form than the core takes.
  std::vector<std::vector<core::TokenSequence>> token_sequences;
  std::vector<std::vector<core::Stage>> filter_orders;
  std::vector<std::vector<int32_t>> outputs_with_drafts;  // Verify: one a sequence
  std::vector<std::vector<core::Draft>> drafts;           // Verify: one a sequence
  std::vector<int32_t> all_token_ids;                     // Describe with all_tokens
  std::vector<std::vector<core::LogitSegment>> pieces;    // of rows that lie in several

  // Where shared rows lie; else nullptr.
  std::shared_ptr<const Mapping> mapping;

  // Score: of each of `outputs`, whether model log-probs are computed for the summary
  // only, and left out of the reply.
  std::vector<bool> hides_model_logprobs;
};

// Decodes and validates. Rows without a seed get one from the operating system.
// `request` and what surrounds it must outlive `decoded`, which must be fresh.
//
// INVALID_ARGUMENT (BadRequest) with every rule that the request breaks;
// RESOURCE_EXHAUSTED if it exceeds a limit, which is looked at before its rows are;
// NOT_FOUND or FAILED_PRECONDITION if its region of shared memory cannot be read.
absl::Status Decode(const v1::SampleRequest& request, const Surroundings& surroundings,
                    DecodedRequest& decoded);
absl::Status Decode(const v1::StreamSampleRequest& request, const Surroundings& surroundings,
                    DecodedRequest& decoded);
absl::Status Decode(const v1::ScoreRequest& request, const Surroundings& surroundings,
                    DecodedRequest& decoded);
absl::Status Decode(const v1::VerifyRequest& request, const Surroundings& surroundings,
                    DecodedRequest& decoded);
absl::Status Decode(const v1::DescribeRequest& request, const Surroundings& surroundings,
                    DecodedRequest& decoded);

// Whether the rows were all there while they were read: FAILED_PRECONDITION if not, which only
// rows in shared memory can be.
absl::Status CheckSource(const DecodedRequest& decoded);

// Writes the results of a batch that ended with OK. REQUIRES: `decoded` was decoded from a
// request of the same method.
void Encode(const DecodedRequest& decoded, v1::SampleResponse& response);
void Encode(const DecodedRequest& decoded, v1::StreamSampleResponse& response);
void Encode(const DecodedRequest& decoded, v1::ScoreResponse& response);
void Encode(const DecodedRequest& decoded, v1::VerifyResponse& response);
void Encode(const DecodedRequest& decoded, v1::DescribeResponse& response);

// The logit type's name in messages and logs, such as "float32".
const char* NameOf(v1::DataType type);

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_CONVERT_H_
