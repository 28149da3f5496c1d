// Random sequences with random drafts, by the hundred.
#ifndef BOLTZMANN_TESTS_CORE_RANDOM_SEQUENCES_H_
#define BOLTZMANN_TESTS_CORE_RANDOM_SEQUENCES_H_

#include "tests/core/random_samplers.h"
#include "tests/core/rows.h"
#include "tests/core/sequences.h"

namespace boltzmann::test {

// An endless series of sequences, another one for each shard: their first rows and all that is
// asked of them are those of random_samplers.h, of at most 3000 logits. They have up to 4 drafted
// tokens, certain, dense or sparse, near the target or far from it, a few of them invalid; and
// masks at times. Rows after the first have its logits shuffled, or as they are, or are bad.
class RandomSequences {
 public:
  explicit RandomSequences(int shard);
  Sequence Next();

 private:
  RandomSamplers rows_;
  Stream stream_;
};

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CORE_RANDOM_SEQUENCES_H_
