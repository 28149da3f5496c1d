// The judge of speculative decoding: which drafted tokens a sequence of rows accepts, and what it
// emits, in plain double precision.
#ifndef BOLTZMANN_TESTS_REFERENCE_VERIFY_H_
#define BOLTZMANN_TESTS_REFERENCE_VERIFY_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "core/params.h"
#include "tests/reference.h"

namespace boltzmann::test {

// A drafted token, and the probabilities that it was drafted with.
struct ReferenceDraft {
  int32_t token_id = 0;

  // Of tokens in the order in which they were given; all others have none. Unset: certainty.
  std::optional<std::vector<std::pair<int32_t, double>>> given = {};
};

// Drafted tokens, and the rows that are to verify them.
struct ReferenceSequence {
  std::vector<std::vector<float>> rows;  // one more than drafts
  std::vector<ReferenceDraft> drafts;
  core::SamplingParams params;
  core::RowState state;  // at the first drafted token
  // One a row, or none: then the state's is for all. A row's may be unset, which allows all.
  std::vector<std::optional<std::vector<std::byte>>> masks;
};

// What a sequence must give.
struct ReferenceVerified {
  uint32_t accepted_count = 0;
  std::vector<int32_t> token_ids;  // emitted

  // The rows that were looked at. `drawn` is the token emitted, and `mirostat_mu` follows it.
  std::vector<ReferenceResult> positions;

  // How far the closest call of any row was from the other answer, as a share of all mass.
  double margin = std::numeric_limits<double>::infinity();
};

// Verifies one sequence. REQUIRES: valid parameters, a row more than drafts.
ReferenceVerified ReferenceVerify(const ReferenceSequence& sequence);

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_REFERENCE_VERIFY_H_
