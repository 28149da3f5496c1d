#include "core/log.h"

#include <bit>
#include <cstdint>

namespace boltzmann::core {

double LogPositive(double x) {
  // ln 2 in two parts; products of the first with integers below 2^20 are exact.
  constexpr double kLn2High = 6.93147180369123816490e-01;
  constexpr double kLn2Low = 1.90821492927058770002e-10;
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

}  // namespace boltzmann::core
