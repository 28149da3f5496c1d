// The floor: what it costs to read every logit of a row once.
#ifndef BOLTZMANN_TESTS_BENCH_FLOOR_H_
#define BOLTZMANN_TESTS_BENCH_FLOOR_H_

#include <cstddef>
#include <string_view>

#include "core/logits.h"

namespace boltzmann::bench {

// The greatest of `count` logits, by the machine's widest vectors. 16-bit logits are compared as
// integers: REQUIRES that the greatest of them is not negative, and that none is NaN.
float ReadOnce(const void* logits, core::DataType type, size_t count);

// The same by a plain loop, as the compiler builds it for the oldest machine that it knows.
float ReadOnceBaseline(const void* logits, core::DataType type, size_t count);

// The instruction set of ReadOnce.
std::string_view FloorInstructionSet();

// The value of 16 bits that the floor found, or that are the upper half of what it found.
float FloorValue(core::DataType type, int16_t bits);

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_FLOOR_H_
