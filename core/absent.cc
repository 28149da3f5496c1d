#include "core/absent.h"

#include <algorithm>

#include "core/elementary.h"

namespace boltzmann::core {

MassRange MassOf(const Absent& absent, double max, double temperature) {
  if (absent.count == 0) return {};
  // None weighs more than the largest may.
  const double each = Exp((absent.largest - max) / temperature);
  MassRange range = {.low = 0, .high = absent.count * each};
  if (!absent.known) return range;
  if (temperature == 1) {
    const double mass = absent.mass * Exp(absent.origin - max);
    return {.low = absent.touched ? 0 : mass, .high = std::min(range.high, mass)};
  }
  // The sum of w_i^a over weights w_i <= w at temperature 1 of a known sum S: for a >= 1 at most
  // S w^(a - 1), for a < 1 at most n^(1 - a) S^a.
  const double a = 1 / temperature;
  if (absent.mass <= 0) return {};
  const double log_mass = LogPositive(std::max(absent.mass, 0x1p-1000)) + absent.origin;
  const double log_high = a >= 1 ? log_mass + (a - 1) * absent.largest
                                 : (1 - a) * LogPositive(absent.count) + a * log_mass;
  range.high = std::min(range.high, Exp(log_high - a * max));
  return range;
}

}  // namespace boltzmann::core
