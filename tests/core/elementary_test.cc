#include "core/elementary.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

using core::Exp;
using core::LogPositive;
using core::Power;

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

TEST(Exp, IsExactAtZeroAndAtItsEnds) {
  EXPECT_EQ(Exp(0.0), 1.0);
  EXPECT_EQ(Exp(-1e300), 0.0);
  EXPECT_EQ(Exp(-kInfinity), 0.0);
  EXPECT_EQ(Exp(1e300), kInfinity);
}

TEST(Exp, EqualsTheExponentialEverywhere) {
  Stream s(3);
  for (int i = 0; i < 200000; ++i) {
    const double x = s.Of({1.0, 1e-9, 20.0, 700.0}) * (2 * s.Unit() - 1);
    const double expected = std::exp(x);
    ASSERT_NEAR(Exp(x), expected, expected * kTolerance) << std::hexfloat << x;
  }
  for (double x = -745; x < -708; x += .01) {
    ASSERT_NEAR(Exp(x), std::exp(x), 5e-324 + 1e-15 * std::exp(x)) << x;
  }
}

TEST(Power, EqualsThePowerWithinTheErrorOfItsLogarithm) {
  Stream s(4);
  for (int i = 0; i < 100000; ++i) {
    const double x = s.Of({1.0, 1.75, 10.0, 1e-6}) * (s.Unit() + 1e-6);
    const double y = s.Of({.1, 1.0, 3.0, 60.0}) * (s.Unit() + 1e-3);
    const double expected = std::pow(x, y);
    const double error = 2e-15 * std::max(1.0, std::abs(y * std::log(x)));
    ASSERT_NEAR(Power(x, y), expected, expected * error) << x << " ^ " << y;
  }
  EXPECT_EQ(Power(0.0, .5), 0.0);
  EXPECT_EQ(Power(.3, 1.0), .3);
}

}  // namespace
}  // namespace boltzmann::test
