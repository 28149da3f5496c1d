#include "core/elementary.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace boltzmann::core {
namespace {

// ln 2 in two parts; products of the first with integers below 2^20 are exact.
constexpr double kLn2High = 6.93147180369123816490e-01;
constexpr double kLn2Low = 1.90821492927058770002e-10;

}  // namespace

double LogPositive(double x) {
  // x = 2^n m with m in [sqrt(1/2), sqrt(2)).
  constexpr uint64_t kSqrtHalf = 0x3FE6A09E667F3BCD;
  constexpr uint64_t kExponent = 0xFFF0000000000000;
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  const uint64_t offset = (bits - kSqrtHalf) & kExponent;
  const double n = static_cast<double>(static_cast<int64_t>(offset) >> 52);
  const double m = std::bit_cast<double>(bits - offset);
  // ln m = 2 artanh(s); the first term left out is below 2^-56 of the sum.
  const double f = m - 1.0;
  const double s = f / (m + 1.0);
  const double z = s * s;
  double series = 0.0;
  for (int k = 21; k >= 3; k -= 2) series = (series + 1.0 / k) * z;
  // 2 s = f - s f: written so, the large part of the sum is exact.
  const double tail = 2.0 * s * series - s * f;
  return n * kLn2High + (f + (tail + n * kLn2Low));
}

double Exp(double x) {
  constexpr double kLog2E = 1.44269504088896338700;
  if (x < -746) return 0;
  if (x > 710) return std::numeric_limits<double>::infinity();
  // x = n ln 2 + r with |r| <= ln 2 / 2.
  const double n = std::nearbyint(x * kLog2E);
  const double high = x - n * kLn2High;
  const double r = high - n * kLn2Low;
  // 1 + r (1 + r/2 (1 + r/3 (...))): the first term left out is below 2^-57.
  double series = 1.0;
  for (int k = 13; k >= 2; --k) series = 1.0 + r / k * series;
  return std::ldexp(1.0 + r * series, static_cast<int>(n));
}

double Power(double x, double y) {
  if (x == 0 || y == 1) return x;
  return Exp(y * LogPositive(x));
}

}  // namespace boltzmann::core
