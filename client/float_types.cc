#include "client/float_types.h"

#include <bit>
#include <cmath>

namespace boltzmann::client {
namespace {

constexpr uint32_t kInfinity = 0x7f800000;

// 65536 and 2^-14 as binary32: binary16's normal numbers lie between.
constexpr uint32_t kHalfOverflow = 0x47800000;
constexpr uint32_t kHalfNormal = 0x38800000;

// What lies between the exponents' biases, 127 and 15, at binary32's exponent.
constexpr uint32_t kBiasDifference = (127 - 15) << 23;

// Keeps what fits of the payload, and makes sure that something is left of it.
uint16_t HalfNan(uint32_t magnitude) {
  const uint16_t payload = (magnitude >> 13) & 0x3ff;
  return 0x7c00 | (payload != 0 ? payload : 0x200);
}

// The spacing of floats from 0.5 on is 2^-24, the smallest binary16: the addition rounds.
uint16_t HalfSubnormal(uint32_t magnitude) {
  const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(0.5f));
}

// Half of the last place kept, less one unless that place is odd: ties go to even.
uint16_t HalfNormal(uint32_t magnitude) {
  const uint32_t rounded = magnitude + 0xfff + ((magnitude >> 13) & 1);
  return static_cast<uint16_t>((rounded - kBiasDifference) >> 13);
}

uint16_t HalfMagnitude(uint32_t magnitude) {
  if (magnitude > kInfinity) return HalfNan(magnitude);
  if (magnitude >= kHalfOverflow) return 0x7c00;
  return magnitude < kHalfNormal ? HalfSubnormal(magnitude) : HalfNormal(magnitude);
}

}  // namespace

uint16_t Float32ToFloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>(((bits >> 16) & 0x8000) | HalfMagnitude(bits & 0x7fffffff));
}

float Float16ToFloat32(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1f;
  const uint32_t fraction = bits & 0x3ff;
  if (exponent == 0) {
    const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  if (exponent == 0x1f) return std::bit_cast<float>(sign | kInfinity | fraction << 13);
  return std::bit_cast<float>(sign | ((exponent << 23 | fraction << 13) + kBiasDifference));
}

uint16_t Float32ToBfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffff) > kInfinity) {
    const uint32_t upper = bits >> 16;
    return static_cast<uint16_t>((upper & 0x7f) != 0 ? upper : upper | 0x40);
  }
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

float Bfloat16ToFloat32(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

}  // namespace boltzmann::client
