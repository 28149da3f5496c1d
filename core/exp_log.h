// The core's own exp and log: libm's differ between machines, these do not. They use
// only IEEE double additions, multiplications and divisions, in a fixed order.
#ifndef BOLTZMANN_CORE_EXP_LOG_H_
#define BOLTZMANN_CORE_EXP_LOG_H_

#include <bit>
#include <cstdint>

namespace boltzmann::core {

// Below this, ExpNonPositive returns 0: no weight there can be seen beside exp(0).
inline constexpr double kExpUnderflow = -708.0;

// ln 2 in two parts; products of the first with integers below 2^20 are exact.
inline constexpr double kLn2High = 6.93147180369123816490e-01;
inline constexpr double kLn2Low = 1.90821492927058770002e-10;

// e^x for x in [-infinity, 0], to within 2 units in the last place; exactly 1 at 0.
// Inline, and without branches, so that loops over it become vector code.
inline double ExpNonPositive(double x) {
  constexpr double kLog2E = 1.44269504088896338700;
  constexpr double kRound = 0x1.8p52;  // adding it leaves the nearest integer in the low bits
  const double clamped = x < kExpUnderflow ? kExpUnderflow : x;
  // x = n ln 2 + r with |r| <= ln 2 / 2.
  const double shifted = clamped * kLog2E + kRound;
  const double n = shifted - kRound;
  const double r = (clamped - n * kLn2High) - n * kLn2Low;
  // e^r by its Taylor series; the first term left out is below 2^-57.
  double e = 1.0 / 6227020800.0;
  e = e * r + 1.0 / 479001600.0;
  e = e * r + 1.0 / 39916800.0;
  e = e * r + 1.0 / 3628800.0;
  e = e * r + 1.0 / 362880.0;
  e = e * r + 1.0 / 40320.0;
  e = e * r + 1.0 / 5040.0;
  e = e * r + 1.0 / 720.0;
  e = e * r + 1.0 / 120.0;
  e = e * r + 1.0 / 24.0;
  e = e * r + 1.0 / 6.0;
  e = e * r + 0.5;
  e = e * r + 1.0;
  e = e * r + 1.0;
  // times 2^n, built from n's bits at the bottom of `shifted`.
  const double scale = std::bit_cast<double>((std::bit_cast<uint64_t>(shifted) + 1023) << 52);
  return x < kExpUnderflow ? 0.0 : e * scale;
}

// ln x, to within 2 units in the last place; exactly 0 at 1.
// REQUIRES: x is positive, finite and not subnormal.
double LogPositive(double x);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_EXP_LOG_H_
