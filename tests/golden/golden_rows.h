// The rows whose answers are frozen in golden_table.inc.
#ifndef BOLTZMANN_TESTS_GOLDEN_GOLDEN_ROWS_H_
#define BOLTZMANN_TESTS_GOLDEN_GOLDEN_ROWS_H_

#include <vector>

#include "tests/core/rows.h"

namespace boltzmann::test {

// Made from integers and exact operations only, so that they are the same on every machine.
std::vector<Row> GoldenRows();

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_GOLDEN_GOLDEN_ROWS_H_
