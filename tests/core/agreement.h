// Compares the core's answer for a row with the reference's.
#ifndef BOLTZMANN_TESTS_CORE_AGREEMENT_H_
#define BOLTZMANN_TESTS_CORE_AGREEMENT_H_

#include <string>
#include <vector>

#include "core/batch.h"
#include "gtest/gtest.h"
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

// Samples `count` of a series of rows, some at a time, and requires full agreement, but for a tie:
// where two sums of doubles in different orders may decide differently, which is hardly ever.
template <typename Series>
void ExpectAgreementOfBatches(Series& series, int count, int rows_per_batch) {
  core::Engine engine({.worker_count = 2});
  int ties = 0;
  for (int done = 0; done < count; done += rows_per_batch) {
    std::vector<Row> rows;
    for (int i = 0; i < rows_per_batch; ++i) rows.push_back(series.Next());
    const Sampled sampled(engine, rows);
    for (int i = 0; i < rows_per_batch; ++i) {
      SCOPED_TRACE("row " + std::to_string(done + i));
      const Agreement agreement = Compare(rows[i], sampled[i]);
      if (agreement == Agreement::kNone) return;
      ties += agreement == Agreement::kTie;
    }
  }
  EXPECT_LE(ties, 1);
  testing::Test::RecordProperty("ties", ties);
}

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CORE_AGREEMENT_H_
