// Random rows with random parameters, by the thousand.
#ifndef BOLTZMANN_TESTS_CORE_RANDOM_ROWS_H_
#define BOLTZMANN_TESTS_CORE_RANDOM_ROWS_H_

#include "tests/core/rows.h"

namespace boltzmann::test {

// The rows that tests agree on: the reference judges them, and the hash of what the core
// answers is frozen.
inline constexpr int kShards = 10;
inline constexpr int kRowsPerShard = 1000;

// An endless series of rows, another one for each shard. Its logits are of every kind that
// breaks samplers; one row in fifty is as large as a real vocabulary. Made in a fixed order
// from integers and IEEE operations only, so that they are the same on every machine.
class RandomRows {
 public:
  explicit RandomRows(int shard);
  Row Next();

 private:
  Stream stream_;
  int made_ = 0;
};

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CORE_RANDOM_ROWS_H_
