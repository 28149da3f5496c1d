// The core's own logarithm: libm's differ between machines, this does not.
#ifndef BOLTZMANN_CORE_LOG_H_
#define BOLTZMANN_CORE_LOG_H_

namespace boltzmann::core {

// ln x, to within 2 units in the last place; exactly 0 at 1. Uses only IEEE double
// additions, multiplications and divisions, in a fixed order.
// REQUIRES: x is positive, finite and not subnormal.
double LogPositive(double x);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_LOG_H_
