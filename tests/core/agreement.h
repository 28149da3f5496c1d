// Compares the core's answer for a row with the reference's.
#ifndef BOLTZMANN_TESTS_CORE_AGREEMENT_H_
#define BOLTZMANN_TESTS_CORE_AGREEMENT_H_

#include "core/batch.h"
#include "tests/core/rows.h"

namespace boltzmann::test {

enum class Agreement {
  kFull,
  kTie,  // the kept set or a draw differs, at an edge within 1e-12 of the other answer
  kNone,
};

// Compares everything that the row asked for with what the reference gives: ids, ranks and
// counts exactly, log-probs, entropies, masses and mirostat_mu within 1e-6 * max(1,
// |reference|) (masses and temperatures within 1e-6 of themselves), and what each stage left.
// Fails the test at the first difference that is not a tie of
// the last bits of a double, naming the row. What follows a tie is not compared.
Agreement Compare(const Row& row, const core::RowResult& result);

// Samples a row on the shared engine and requires full agreement.
void ExpectAgreement(const Row& row);

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CORE_AGREEMENT_H_
