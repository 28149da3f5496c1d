// What is known of the tokens that a sparse row does not have.
#ifndef BOLTZMANN_CORE_ABSENT_H_
#define BOLTZMANN_CORE_ABSENT_H_

#include "core/total_order.h"

namespace boltzmann::core {

// The tokens of the vocabulary that are no candidates, and may be drawn.
struct Absent {
  double count = 0;
  RankKey before = 0;   // every one comes after this key
  bool raised = false;  // but for edits that may have lifted some
  double largest = 0;   // no logit of theirs is above
  bool known = false;   // whether `mass` is
  double mass = 0;      // of exp(l - origin), as received
  double origin = 0;
  bool touched = false;  // edits may have taken some of that
};

// The range that a mass lies in.
struct MassRange {
  double low = 0;
  double high = 0;
};

// The mass of the absent tokens at a temperature, in units of exp(max / temperature).
MassRange MassOf(const Absent& absent, double max, double temperature);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_ABSENT_H_
