// The random stream of a row: counter-based, so that any draw can be recomputed alone.
#ifndef BOLTZMANN_CORE_PHILOX_H_
#define BOLTZMANN_CORE_PHILOX_H_

#include <array>
#include <cstdint>

namespace boltzmann::core {

// What a random number is for. Streams of different domains share nothing.
enum class RandomDomain : uint32_t {
  kDraw = 0,
  kAcceptance = 1,  // of a drafted token
  kResidual = 2,    // the draw in place of one that was not accepted
  kXtc = 3,
};

// The Philox 4x32 block function with ten rounds.
// Source: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC'11.
std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// A uniform number in [0, 1), a multiple of 2^-53: the one that belongs to this
// draw of this position of this seed.
double Uniform(uint64_t seed, uint64_t position, uint32_t draw, RandomDomain domain);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_PHILOX_H_
