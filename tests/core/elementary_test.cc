#include "core/elementary.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

using core::LogPositive;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Allows this code and the C library one unit in the last place or two each.
constexpr double kTolerance = 1e-15;

void ExpectLogIsRight(double x) {
  const double expected = std::log(x);
  ASSERT_NEAR(LogPositive(x), expected, std::max(1.0, std::abs(expected)) * kTolerance)
      << std::hexfloat << x;
}

TEST(LogPositive, IsExactlyZeroAtOne) { EXPECT_EQ(LogPositive(1.0), 0.0); }

TEST(LogPositive, EqualsTheLogarithmAtEveryPowerOfTwoAndNextToIt) {
  for (int e = -1022; e < 1024; ++e) {
    const double x = std::ldexp(1.0, e);
    for (double y : {x, std::nextafter(x, kInfinity), 1.41421356237309515 * x, 1.999999999 * x}) {
      ExpectLogIsRight(y);
    }
    if (e > -1022) ExpectLogIsRight(std::nextafter(x, 0.0));
  }
}

TEST(LogPositive, EqualsTheLogarithmOfEverySumThatARowCanHave) {
  Stream s(2);
  for (int i = 0; i < 200000; ++i) ExpectLogIsRight(1 + s.Unit() * s.Of({1e-12, 1.0, 1e3, 1e6}));
  for (int i = 1; i < 200000; ++i) ExpectLogIsRight(i);
}

}  // namespace
}  // namespace boltzmann::test
