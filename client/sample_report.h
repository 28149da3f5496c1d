// The reply of `Sample` as a table for people.
#ifndef BOLTZMANN_CLIENT_SAMPLE_REPORT_H_
#define BOLTZMANN_CLIENT_SAMPLE_REPORT_H_

#include <ostream>

#include "boltzmann/v1/sampler.pb.h"

namespace boltzmann::client {

// Prints one line for each token of each list of each row, then, if they are there, one line a row
// with entropies, what was kept and Mirostat's state. Columns that would be empty are left out.
void PrintReport(const v1::SampleResponse& response, std::ostream& out);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_SAMPLE_REPORT_H_
