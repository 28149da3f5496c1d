#include "tests/statistical/chi_square.h"

#include <cmath>
#include <cstddef>

namespace boltzmann::test {

// One minus the regularised lower incomplete gamma function, by its power series.
double TailOfChiSquare(double x, int freedom) {
  if (x <= 0) return 1;
  const double a = freedom / 2.0, half = x / 2;
  double term = 1, sum = 1;
  for (int n = 1; term > sum * 1e-17; ++n) sum += term *= half / (a + n);
  return 1 - sum * std::exp(a * std::log(half) - half - std::lgamma(a + 1));
}

double ChanceOf(const std::vector<uint32_t>& counts, const std::vector<double>& expected) {
  double chi_square = 0, rare_expected = 0, rare_count = 0;
  int cells = 0;
  const auto add = [&](double count, double due) {
    chi_square += (count - due) * (count - due) / due;
    ++cells;
  };
  for (size_t i = 0; i < counts.size(); ++i) {
    if (expected[i] >= 5) {
      add(counts[i], expected[i]);
    } else {
      rare_expected += expected[i];
      rare_count += counts[i];
    }
  }
  if (rare_expected > 0) add(rare_count, rare_expected);
  return cells < 2 ? 1 : TailOfChiSquare(chi_square, cells - 1);
}

}  // namespace boltzmann::test
