// The calls by which `describe` learns what it shows of rows.
#ifndef BOLTZMANN_CLIENT_DESCRIBE_CALLS_H_
#define BOLTZMANN_CLIENT_DESCRIBE_CALLS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "boltzmann/v1/sampler.pb.h"
#include "client/client.h"

namespace boltzmann::client {

// What was left once a stage, and those before it, had run.
struct StageSample {
  std::string stage;
  v1::SampleResponse response;
};

struct DescribeAnswers {
  v1::DescribeResponse descriptions;
  // The first tokens with their log-probs, and the tokens drawn; without results if neither was
  // asked for.
  v1::SampleResponse sample;
  // One for each stage that removed tokens of any row, but for the last such.
  std::vector<StageSample> after;
  // The last stage that removed tokens; empty if none did.
  std::string last_stage;
};

// Asks for everything about rows, with `draws` draws of each if that is not 0. `request` has one
// entry of parameters, and a seed for each row, since several calls must see the same row. One call
// of Describe; if tokens are listed or drawn, one of Sample; and one of Sample for each of `after`.
absl::StatusOr<DescribeAnswers> AskForRows(const Client& client, const v1::DescribeRequest& request,
                                           uint32_t draws);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_DESCRIBE_CALLS_H_
