// The core's own logarithm, exponential and power: libm's differ between machines, these do not.
// They use only IEEE double additions, multiplications and divisions, in a fixed order.
#ifndef BOLTZMANN_CORE_ELEMENTARY_H_
#define BOLTZMANN_CORE_ELEMENTARY_H_

namespace boltzmann::core {

inline constexpr double kLn2 = 0.693147180559945309417;

// ln x, to within 2 units in the last place; exactly 0 at 1.
// REQUIRES: x is positive, finite and not subnormal.
double LogPositive(double x);

// exp(x), to within 2 units in the last place where that is normal; exactly 1 at 0.
// 0 below -745, +infinity above 709.8. REQUIRES: not NaN.
double Exp(double x);

// x ^ y = exp(y ln x), to within 1e-15 * max(1, |y ln x|) of itself; exactly x at y = 1.
// REQUIRES: x is 0 or as for LogPositive; y > 0.
double Power(double x, double y);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_ELEMENTARY_H_
