// The total order of a row's tokens: logit descending, then token id ascending.
#ifndef BOLTZMANN_CORE_TOTAL_ORDER_H_
#define BOLTZMANN_CORE_TOTAL_ORDER_H_

#include <bit>
#include <cstdint>
#include <limits>

namespace boltzmann::core {

// A token's place in the total order as one integer: the greater, the earlier. So a
// prefix of the order, which is what every truncation keeps, is {key >= cut}.
using RankKey = uint64_t;

// The key of a token. REQUIRES: logit is not NaN, token_id >= 0.
constexpr RankKey KeyOf(float logit, int32_t token_id) {
  const uint32_t bits = std::bit_cast<uint32_t>(logit + 0.0f);  // -0 and +0 are equal
  const uint32_t ordered = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return uint64_t{ordered} << 32 | static_cast<uint32_t>(~token_id);
}

constexpr int32_t TokenOf(RankKey key) { return static_cast<int32_t>(~static_cast<uint32_t>(key)); }

constexpr float LogitOf(RankKey key) {
  const auto ordered = static_cast<uint32_t>(key >> 32);
  return std::bit_cast<float>(ordered & 0x80000000u ? ordered & 0x7FFFFFFFu : ~ordered);
}

// The key below which only tokens that are never drawn lie: those at -infinity.
inline constexpr RankKey kLastFinite =
    KeyOf(std::numeric_limits<float>::lowest(), std::numeric_limits<int32_t>::max());

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_TOTAL_ORDER_H_
