// Everything that the core answers to thousands of random rows, as a few numbers.
#ifndef BOLTZMANN_TESTS_GOLDEN_ROW_HASH_H_
#define BOLTZMANN_TESTS_GOLDEN_ROW_HASH_H_

#include <cstdint>

#include "core/engine.h"

namespace boltzmann::test {

// Equal for two machines iff all bits are, but for a chance of 2^-64.
struct RowHash {
  uint64_t logits;   // what was sampled
  uint64_t answers;  // every token, number and status that came of it
};

// Samples the rows of one shard of random_rows.h. Fails the test if the engine does not say
// OK.
RowHash HashShard(core::Engine& engine, int shard);

// The same of one shard of random_samplers.h, with what each stage left and mirostat_mu.
RowHash HashSamplerShard(core::Engine& engine, int shard);

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_GOLDEN_ROW_HASH_H_
