// Rows cut down to their first tokens, for tests of sparse rows.
#ifndef BOLTZMANN_TESTS_CORE_CANDIDATES_H_
#define BOLTZMANN_TESTS_CORE_CANDIDATES_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/batch.h"
#include "core/engine.h"
#include "tests/core/rows.h"
#include "tests/reference.h"

namespace boltzmann::test {

// A row of which only some tokens are sent.
struct CutRow {
  Row full;                             // its `named` are candidates
  std::vector<int32_t> token_ids = {};  // the candidates, in the order they are sent
  Encoded logits;                       // of these, as `full` stores them
  std::optional<double> log_sum_exp = {};
};

// The first `count` tokens of a row, shuffled by `order`; `named` becomes all of them.
// REQUIRES: the row has no NaN; 1 <= count <= V.
CutRow Cut(Row full, size_t count, Stream& order);

// ln of the sum of exp(logit) over all of the row.
double LogSumExp(const Row& row);

// Cut rows that have been sampled; the test fails if the engine did not say OK. The rows must
// outlive it.
class CutSampled {
 public:
  CutSampled(core::Engine& engine, std::span<const CutRow> rows);
  explicit CutSampled(const CutRow& row) : CutSampled(SharedEngine(), std::span(&row, 1)) {}

  const core::RowResult& operator[](size_t row) const { return batch_.results.rows()[row]; }

 private:
  std::vector<core::OutputOptions> outputs_;
  core::Batch batch_;
};

// Requires of a row that is OK what the judge says of the full row: tokens, kept set, ranks,
// sampled log-probs and entropy, mirostat_mu; and with log_sum_exp the model log-probs, without it
// those relative to the candidates. If a decision was too close to be judged, nothing.
void ExpectAsFull(const CutRow& row, const core::RowResult& got, const ReferenceResult& full);

// Requires of a row with an answer, right or not, that it is made of candidates and complete.
void ExpectComplete(const CutRow& row, const core::RowResult& got);

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CORE_CANDIDATES_H_
