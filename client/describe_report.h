// The reply of `Describe` for people.
#ifndef BOLTZMANN_CLIENT_DESCRIBE_REPORT_H_
#define BOLTZMANN_CLIENT_DESCRIBE_REPORT_H_

#include <ostream>

#include "boltzmann/v1/sampler.pb.h"

namespace boltzmann::client {

// Prints a section for each row, blank lines between: its status; the entropies and what was kept;
// one line for each stage; one line for each token of each list.
void PrintDescriptions(const v1::DescribeResponse& response, std::ostream& out);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_DESCRIBE_REPORT_H_
