#include "core/exp_log.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

using core::ExpNonPositive;
using core::LogPositive;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Allows this code and the C library one unit in the last place or two each.
constexpr double kTolerance = 1e-15;

void ExpectExpIsRight(double x) {
  const double expected = std::exp(x);
  ASSERT_NEAR(ExpNonPositive(x), expected, expected * kTolerance) << std::hexfloat << x;
}

void ExpectLogIsRight(double x) {
  const double expected = std::log(x);
  ASSERT_NEAR(LogPositive(x), expected, std::max(1.0, std::abs(expected)) * kTolerance)
      << std::hexfloat << x;
}

TEST(ExpNonPositive, IsExactlyOneAtZeroOfEitherSign) {
  EXPECT_EQ(ExpNonPositive(0.0), 1.0);
  EXPECT_EQ(ExpNonPositive(-0.0), 1.0);
}

TEST(ExpNonPositive, IsZeroAtMinusInfinityAndWhereverTheWeightCannotBeSeen) {
  EXPECT_EQ(ExpNonPositive(-kInfinity), 0.0);
  EXPECT_EQ(ExpNonPositive(std::numeric_limits<double>::lowest()), 0.0);
  EXPECT_EQ(ExpNonPositive(-1e30), 0.0);
  EXPECT_EQ(ExpNonPositive(std::nextafter(-708.0, -kInfinity)), 0.0);
  EXPECT_GT(ExpNonPositive(-708.0), 0.0);
}

TEST(ExpNonPositive, EqualsTheExponentialOverItsWholeRange) {
  for (int i = 0; i <= 708 * 256; ++i) ExpectExpIsRight(-i / 256.0);
  Stream s(1);
  for (int i = 0; i < 200000; ++i) ExpectExpIsRight(-708 * s.Unit());
}

TEST(ExpNonPositive, EqualsTheExponentialNextToZeroAndToEveryMultipleOfHalfLnTwo) {
  for (double x = -1; x < -1e-320; x /= 2) ExpectExpIsRight(x);
  ExpectExpIsRight(-std::numeric_limits<double>::denorm_min());
  for (int n = 1; n < 2042; ++n) {
    const double x = -n * std::log(2.0) / 2;
    for (double y : {std::nextafter(x, -kInfinity), x, std::nextafter(x, 0.0)}) ExpectExpIsRight(y);
  }
}

TEST(ExpNonPositive, NeverFallsWhereItsArgumentRises) {
  double last = 0;
  for (double x = -708; x < 0; x += 1.0 / 1024) {
    const double e = ExpNonPositive(x);
    ASSERT_GE(e, last) << x;
    last = e;
  }
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
