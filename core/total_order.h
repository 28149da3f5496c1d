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

// A logit as an integer that compares as it does. REQUIRES: not NaN.
constexpr uint32_t OrderedBits(float logit) {
  const uint32_t bits = std::bit_cast<uint32_t>(logit + 0.0f);  // -0 and +0 are equal
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

constexpr float FromOrderedBits(uint32_t bits) {
  return std::bit_cast<float>(bits & 0x80000000u ? bits & 0x7FFFFFFFu : ~bits);
}

// The key of a token. REQUIRES: logit is not NaN, token_id >= 0.
constexpr RankKey KeyOf(float logit, int32_t token_id) {
  return uint64_t{OrderedBits(logit)} << 32 | static_cast<uint32_t>(~token_id);
}

constexpr int32_t TokenOf(RankKey key) { return static_cast<int32_t>(~static_cast<uint32_t>(key)); }

constexpr float LogitOf(RankKey key) { return FromOrderedBits(static_cast<uint32_t>(key >> 32)); }

// The last key that a token of this logit may have: {key >= LastKeyAt(l)} is {logit >= l}.
constexpr RankKey LastKeyAt(float logit) {
  return KeyOf(logit, std::numeric_limits<int32_t>::max());
}

// The last key that a token of a greater logit may have. REQUIRES: logit < +infinity.
constexpr RankKey LastKeyAbove(float logit) {
  return LastKeyAt(FromOrderedBits(OrderedBits(logit) + 1));
}

// The key below which only tokens that are never drawn lie: those at -infinity.
inline constexpr RankKey kLastFinite = LastKeyAt(std::numeric_limits<float>::lowest());

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_TOTAL_ORDER_H_
