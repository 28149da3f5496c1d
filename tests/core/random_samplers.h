// Random rows with every sampler and every edit there is, by the thousand.
#ifndef BOLTZMANN_TESTS_CORE_RANDOM_SAMPLERS_H_
#define BOLTZMANN_TESTS_CORE_RANDOM_SAMPLERS_H_

#include "tests/core/rows.h"

namespace boltzmann::test {

inline constexpr int kSamplerShards = 10;
inline constexpr int kSamplerRowsPerShard = 500;

// An endless series of valid rows, another one for each shard. Each parameter is on in about
// one row in four, whatever the others are, stages in the default order or in any other; texts
// are short and repeat themselves. One row in fifty is as large as a real vocabulary. Made in a
// fixed order from integers and IEEE operations only, so that they are the same on every
// machine. Fails the test if a row is not valid.
class RandomSamplers {
 public:
  explicit RandomSamplers(int shard);
  Row Next();

 private:
  Stream stream_;
  int made_ = 0;
};

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CORE_RANDOM_SAMPLERS_H_
