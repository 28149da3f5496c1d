#include "core/total_order.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

using core::FloatDown;
using core::FloatUp;
using core::FromOrderedBits;
using core::KeyOf;
using core::LastKeyAbove;
using core::LastKeyAt;
using core::LogitOf;
using core::OrderedBits;

constexpr float kLowest = std::numeric_limits<float>::lowest();

// Logits in ascending order, floats and those that have a few bits more.
std::vector<double> Ascending() {
  std::vector<double> logits = {-std::numeric_limits<double>::infinity(), kLowest};
  for (double size : {1e30, 3.0, 1.0, 1e-30, 0x1p-126, 0x1p-140}) {
    const double last_bit = size == 0x1p-140 ? 0x1p-157 : std::ldexp(1.0, std::ilogb(size) - 31);
    const double exact =
        std::ldexp(std::floor(std::ldexp(size, 20 - std::ilogb(size))), std::ilogb(size) - 20);
    for (double steps : {300.0, 256.0, 255.0, 1.0, 0.0, -1.0}) {
      logits.push_back(-(exact + steps * last_bit));
    }
  }
  for (size_t i = logits.size(); i-- > 2;) logits.push_back(-logits[i]);
  std::vector<double> sorted = logits;
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

TEST(TotalOrder, KeysCompareAsLogitsDoThenAsIdsDoBackwards) {
  const std::vector<double> logits = Ascending();
  for (size_t i = 1; i < logits.size(); ++i) {
    ASSERT_LT(logits[i - 1], logits[i]);
    EXPECT_LT(KeyOf(logits[i - 1], 0), KeyOf(logits[i], core::kLastToken)) << logits[i];
    EXPECT_GT(KeyOf(logits[i], 5), KeyOf(logits[i], 6));
  }
}

TEST(TotalOrder, KeysGiveBackTheirLogitAndToken) {
  for (double logit : Ascending()) {
    for (int32_t token : {0, 1, core::kLastToken}) {
      EXPECT_EQ(LogitOf(KeyOf(logit, token)), logit);
      EXPECT_EQ(core::TokenOf(KeyOf(logit, token)), token);
    }
  }
}

TEST(TotalOrder, AFloatHasTheKeyOfTheDoubleThatEqualsIt) {
  Stream s(1);
  for (int i = 0; i < 200000; ++i) {
    const auto bits = static_cast<uint32_t>(s.Next());
    const float logit = std::bit_cast<float>(bits);
    if (std::isnan(logit)) continue;
    ASSERT_EQ(OrderedBits(logit), OrderedBits(double{logit})) << logit;
    ASSERT_EQ(FromOrderedBits(OrderedBits(logit)), double{logit});
    ASSERT_EQ(core::FromSortableBits(core::SortableBits(logit)), logit);
  }
  EXPECT_EQ(KeyOf(-0.0f, 1), KeyOf(0.0, 1));
}

TEST(TotalOrder, BoundsLieNextToAnyNumber) {
  Stream s(2);
  for (int i = 0; i < 200000; ++i) {
    const double bound = std::ldexp(s.Bell(), static_cast<int>(s.Below(60)) - 30);
    ASSERT_GE(FloatUp(bound), bound);
    ASSERT_LT(std::nextafter(FloatUp(bound), -kInf), bound);
    ASSERT_LE(FloatDown(bound), bound);
    ASSERT_GT(std::nextafter(FloatDown(bound), kInf), bound);
    const double first = LogitOf(LastKeyAt(bound));
    ASSERT_GE(first, bound);
    ASSERT_LT(FromOrderedBits(OrderedBits(first) - 1), bound);
    ASSERT_GT(LogitOf(LastKeyAbove(bound)), bound);
  }
}

// A search that steps from a logit to the one below never ended while there were two zeros.
TEST(TotalOrder, EveryLogitHasNeighboursThatDiffer) {
  for (double logit : {0.0, -0.0, 1.0, -1.0, 0x1p-157, -0x1p-157}) {
    EXPECT_LT(FromOrderedBits(OrderedBits(logit) - 1), logit);
    EXPECT_GT(FromOrderedBits(OrderedBits(logit) + 1), logit);
  }
}

}  // namespace
}  // namespace boltzmann::test
