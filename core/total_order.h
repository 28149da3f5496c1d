// The total order of a row's tokens: logit descending, then token id ascending.
//
// A logit is a binary32, or, where it was edited, a double that has at most 8 bits more than a
// binary32 of its size can hold: 32 significant bits, or a multiple of 2^-157.
#ifndef BOLTZMANN_CORE_TOTAL_ORDER_H_
#define BOLTZMANN_CORE_TOTAL_ORDER_H_

#include <bit>
#include <cstdint>
#include <limits>

namespace boltzmann::core {

// A token's place in the total order as one integer: the greater, the earlier. So a
// prefix of the order, which is what most truncations keep, is {key >= cut}.
using RankKey = uint64_t;

// The bits of a key that tell the token; the 40 above them tell the logit.
inline constexpr int kTokenBits = 24;
inline constexpr uint64_t kTokenMask = (uint64_t{1} << kTokenBits) - 1;
inline constexpr int32_t kLastToken = kTokenMask;

// The ordered bits of 0; there is one zero only, so that each number has a neighbour that differs.
inline constexpr uint64_t kZero = uint64_t{1} << 39;

constexpr uint64_t FromMagnitude(uint64_t magnitude, bool negative) {
  return negative ? kZero - magnitude : kZero + magnitude;
}

// A logit as an integer of 40 bits that compares as it does. REQUIRES: not NaN.
constexpr uint64_t OrderedBits(float logit) {
  const uint32_t bits = std::bit_cast<uint32_t>(logit);
  return FromMagnitude(uint64_t{bits & 0x7FFFFFFFu} << 8, bits >> 31);
}

// The same; what has more bits than a logit is rounded towards zero, what is beyond a float is
// infinite.
constexpr uint64_t OrderedBits(double logit) {
  constexpr uint64_t kInfinity = uint64_t{255} << 31;
  const uint64_t bits = std::bit_cast<uint64_t>(logit);
  const uint64_t positive = bits & ~(uint64_t{1} << 63);
  const double size = std::bit_cast<double>(positive);
  uint64_t magnitude = kInfinity;
  if (size < 0x1p-126) {
    magnitude = static_cast<uint64_t>(size * 0x1p157);
  } else if (size < 0x1p128) {
    magnitude = (positive >> 21) - (uint64_t{1023 - 127} << 31);
  }
  return FromMagnitude(magnitude, bits >> 63);
}

constexpr double FromOrderedBits(uint64_t ordered) {
  const bool negative = ordered < kZero;
  const uint64_t magnitude = negative ? kZero - ordered : ordered - kZero;
  double size = std::numeric_limits<double>::infinity();
  if (magnitude < uint64_t{1} << 31) {
    size = static_cast<double>(magnitude) * 0x1p-157;
  } else if (magnitude < uint64_t{255} << 31) {
    size = std::bit_cast<double>((magnitude + (uint64_t{1023 - 127} << 31)) << 21);
  }
  return negative ? -size : size;
}

// The least logit that is at least `bound`, and the greatest that is at most that; as ordered
// bits.
constexpr uint64_t OrderedBitsUp(double bound) {
  const uint64_t ordered = OrderedBits(bound);
  return ordered + (FromOrderedBits(ordered) < bound);
}
constexpr uint64_t OrderedBitsDown(double bound) {
  const uint64_t ordered = OrderedBits(bound);
  return ordered - (FromOrderedBits(ordered) > bound);
}

// The least float that is at least `logit`, and the greatest that is at most that.
constexpr float FloatUp(double logit) {
  return static_cast<float>(FromOrderedBits((OrderedBitsUp(logit) + 255) & ~uint64_t{255}));
}
constexpr float FloatDown(double logit) { return -FloatUp(-logit); }

// A float as an integer of 32 bits that compares as it does; and back. REQUIRES: not NaN.
constexpr uint32_t SortableBits(float logit) {
  return static_cast<uint32_t>(OrderedBits(logit) >> 8);
}
constexpr float FromSortableBits(uint32_t sortable) {
  return static_cast<float>(FromOrderedBits(uint64_t{sortable} << 8));
}

// The key of a token. REQUIRES: logit is not NaN, 0 <= token_id <= kLastToken.
template <typename Logit>
constexpr RankKey KeyOf(Logit logit, int32_t token_id) {
  return OrderedBits(logit) << kTokenBits | (~static_cast<uint64_t>(token_id) & kTokenMask);
}

constexpr int32_t TokenOf(RankKey key) { return static_cast<int32_t>(~key & kTokenMask); }

constexpr double LogitOf(RankKey key) { return FromOrderedBits(key >> kTokenBits); }

// The last key that a token of a logit >= `bound` may have: {key >= LastKeyAt(b)} is {logit >= b}.
constexpr RankKey LastKeyAt(double bound) { return OrderedBitsUp(bound) << kTokenBits; }

// The last key that a token of a greater logit may have. REQUIRES: logit < +infinity.
constexpr RankKey LastKeyAbove(double logit) { return (OrderedBitsDown(logit) + 1) << kTokenBits; }

// The key below which only tokens that are never drawn lie: those at -infinity.
inline constexpr RankKey kLastFinite =
    LastKeyAt(static_cast<double>(std::numeric_limits<float>::lowest()));

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_TOTAL_ORDER_H_
