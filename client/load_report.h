// A load test for people at a terminal.
#ifndef BOLTZMANN_CLIENT_LOAD_REPORT_H_
#define BOLTZMANN_CLIENT_LOAD_REPORT_H_

#include <ostream>

#include "client/load_result.h"

namespace boltzmann::client {

// Prints the settings and, of a single step, its rates, its latencies from the schedule and from
// the sending, the server's share and what went wrong; of a sweep one line a step, the best one
// marked, and below what went wrong in which. Times are in ms, GB are 10^9 bytes.
void PrintLoadReport(const LoadResult& result, std::ostream& out);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_LOAD_REPORT_H_
