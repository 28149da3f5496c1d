// Prints row_hash.inc, or with the argument `samplers` sampler_hash.inc: a hash of the random rows
// of each shard, and one of the answers.
#include <cinttypes>
#include <cstdio>
#include <string_view>

#include "core/engine.h"
#include "tests/core/random_rows.h"
#include "tests/core/random_samplers.h"
#include "tests/golden/row_hash.h"

int main(int argc, char** argv) {
  using namespace boltzmann;  // NOLINT: a program of its own
  const bool samplers = argc > 1 && std::string_view(argv[1]) == "samplers";
  core::Engine engine;
  std::puts("// Printed by boltzmann_print_row_hash; how and when: see CMakeLists.txt.");
  for (int shard = 0; shard < (samplers ? test::kSamplerShards : test::kShards); ++shard) {
    const auto [logits, answers] =
        samplers ? test::HashSamplerShard(engine, shard) : test::HashShard(engine, shard);
    std::printf("    {0x%016" PRIX64 ", 0x%016" PRIX64 "},\n", logits, answers);
  }
  return 0;
}
