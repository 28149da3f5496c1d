// Sequences with drafted tokens, for tests: verified in batches, as the core has them.
#ifndef BOLTZMANN_TESTS_CORE_SEQUENCES_H_
#define BOLTZMANN_TESTS_CORE_SEQUENCES_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/batch.h"
#include "core/engine.h"
#include "tests/core/rows.h"
#include "tests/reference_verify.h"

namespace boltzmann::test {

// A drafted token, and what it was drafted from: all probabilities, some, or certainty.
struct DraftedToken {
  int32_t token_id = 0;
  std::optional<Encoded> dense = {};
  std::vector<int32_t> token_ids = {};
  std::vector<float> probabilities = {};
};

// A sequence and all that is asked of it.
struct Sequence {
  Row first;                              // its first row; its draw_count is 1
  std::vector<Encoded> later = {};        // the others, one a draft
  std::vector<DraftedToken> drafts = {};  // n of them
  std::vector<std::optional<std::vector<std::byte>>> masks = {};  // none, or n + 1

  size_t row_count() const { return drafts.size() + 1; }

  // Row i as Sample would be sent it; `mirostat_mu` is that of the first.
  Row At(size_t i) const;

  // For the judge.
  ReferenceSequence ForReference() const;
};

// Sequences that have been verified; the test fails if the engine did not say OK.
class Verified {
 public:
  Verified(core::Engine& engine, std::span<const Sequence> sequences);
  Verified(core::Engine& engine, const Sequence& sequence)
      : Verified(engine, std::span(&sequence, 1)) {}

  uint32_t AcceptedCount(size_t sequence) const { return batch_.results.accepted_counts[sequence]; }

  // The result of a row that was looked at: of the first accepted + 1.
  const core::RowResult& At(size_t sequence, size_t i) const;

  // The tokens emitted.
  std::vector<int32_t> Tokens(size_t sequence) const;

  // Everything that was answered, as text; equal iff it is equal to the bit.
  std::string Text(size_t sequence) const;

 private:
  std::vector<Row> rows_;
  std::vector<core::OutputOptions> outputs_;
  std::vector<std::vector<core::Draft>> drafts_;
  core::Batch batch_;
};

// Verifies one sequence on the shared engine.
Verified VerifyAlone(const Sequence& sequence);

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CORE_SEQUENCES_H_
