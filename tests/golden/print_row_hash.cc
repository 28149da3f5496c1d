// Prints row_hash.inc: a hash of the random rows of each shard, and one of the answers.
#include <cinttypes>
#include <cstdio>

#include "core/engine.h"
#include "tests/core/random_rows.h"
#include "tests/golden/row_hash.h"

int main() {
  boltzmann::core::Engine engine;
  std::puts("// Printed by boltzmann_print_row_hash; how and when: see CMakeLists.txt.");
  for (int shard = 0; shard < boltzmann::test::kShards; ++shard) {
    const auto [logits, answers] = boltzmann::test::HashShard(engine, shard);
    std::printf("    {0x%016" PRIX64 ", 0x%016" PRIX64 "},\n", logits, answers);
  }
  return 0;
}
