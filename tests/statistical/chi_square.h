// Pearson's chi-square, for tests that compare counts with what is expected.
#ifndef BOLTZMANN_TESTS_STATISTICAL_CHI_SQUARE_H_
#define BOLTZMANN_TESTS_STATISTICAL_CHI_SQUARE_H_

#include <cstdint>
#include <vector>

namespace boltzmann::test {

// The rate of false alarms of each test, over all seeds: it fails if counts at least as far off
// would come up by chance this often or less.
inline constexpr double kAlpha = 1e-6;

// The probability that chi-square with `freedom` degrees is at least x.
double TailOfChiSquare(double x, int freedom);

// The chance of counts at least as far from what is expected. Cells of which fewer than five are
// expected share one cell.
double ChanceOf(const std::vector<uint32_t>& counts, const std::vector<double>& expected);

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_STATISTICAL_CHI_SQUARE_H_
