// A load test for spreadsheets.
#ifndef BOLTZMANN_CLIENT_LOAD_CSV_H_
#define BOLTZMANN_CLIENT_LOAD_CSV_H_

#include <ostream>

#include "client/load_result.h"

namespace boltzmann::client {

// Writes a head, and for each step a line followed by one for each of its intervals; the first
// column says which, the second counts the steps from 1. Cells that only a step has are empty in an
// interval's line. No cell has a comma or a quote in it.
void WriteLoadCsv(const LoadResult& result, std::ostream& out);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_LOAD_CSV_H_
