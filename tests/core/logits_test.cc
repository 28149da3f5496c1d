#include "core/logits.h"

#include <bit>
#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

using core::DataType;
using core::LogitRow;

constexpr int32_t kPatterns = 1 << 16;

// Every bit pattern that 16 bits can have, in order.
std::vector<uint16_t> AllPatterns() {
  std::vector<uint16_t> patterns(kPatterns);
  for (int32_t i = 0; i < kPatterns; ++i) patterns[i] = static_cast<uint16_t>(i);
  return patterns;
}

void ExpectSame(float got, float expected, int32_t pattern) {
  if (std::isnan(expected)) {
    ASSERT_TRUE(std::isnan(got)) << std::hex << pattern;
  } else {
    ASSERT_EQ(std::bit_cast<uint32_t>(got), std::bit_cast<uint32_t>(expected))
        << std::hex << pattern;
  }
}

void ExpectAllWidenedBy(DataType type, float (*widen)(uint16_t)) {
  const std::vector<uint16_t> patterns = AllPatterns();
  const LogitRow row(patterns.data(), type, kPatterns);
  std::vector<float> loaded(kPatterns);
  row.LoadReceived(0, kPatterns, loaded.data());
  for (int32_t i = 0; i < kPatterns; ++i) {
    ExpectSame(row.ReceivedAt(i), widen(patterns[i]), i);
    ExpectSame(loaded[i], widen(patterns[i]), i);
  }
}

TEST(Logits, AreWidenedExactlyFromEveryHalf) { ExpectAllWidenedBy(DataType::kFloat16, WidenHalf); }

TEST(Logits, AreWidenedExactlyFromEveryBrainFloat) {
  ExpectAllWidenedBy(DataType::kBFloat16, WidenBrain);
}

// What these tests judge by, at points known by heart.
TEST(Logits, OfKnownHalvesAreWhatTheStandardSays) {
  EXPECT_EQ(WidenHalf(0x3C00), 1.0f);
  EXPECT_EQ(WidenHalf(0xC000), -2.0f);
  EXPECT_EQ(WidenHalf(0x7BFF), 65504.0f);
  EXPECT_EQ(WidenHalf(0x0001), 0x1p-24f);
  EXPECT_EQ(WidenHalf(0x03FF), 1023 * 0x1p-24f);
  EXPECT_EQ(WidenHalf(0x0400), 0x1p-14f);
  EXPECT_EQ(WidenHalf(0xFC00), -kInf);
  EXPECT_EQ(WidenBrain(0x3F80), 1.0f);
  EXPECT_EQ(WidenBrain(0x0001), 0x1p-133f);
}

TEST(Logits, SurviveNarrowingOfWhatWasWidened) {
  for (uint16_t pattern : AllPatterns()) {
    if (!std::isnan(WidenHalf(pattern))) {
      ASSERT_EQ(NarrowToHalf(WidenHalf(pattern)), pattern);
    }
    if (!std::isnan(WidenBrain(pattern))) {
      ASSERT_EQ(NarrowToBrain(WidenBrain(pattern)), pattern);
    }
  }
}

TEST(Logits, AreLoadedFromAnyRangeAtAnyAddress) {
  const std::vector<float> logits = BellLogits(100, 1);
  for (DataType type : kDataTypes) {
    for (size_t offset = 0; offset < 8; ++offset) {
      const Encoded encoded(logits, type, offset);
      for (int32_t first : {0, 1, 3, 50, 99}) {
        for (int32_t count : {0, 1, 7, 100}) {
          if (first + count > 100) continue;
          // A guard behind the range shows that nothing more is written.
          std::vector<float> loaded(count + 1, -12345.0f);
          encoded.row().LoadReceived(first, count, loaded.data());
          for (int32_t i = 0; i < count; ++i) {
            ASSERT_EQ(loaded[i], encoded.widened()[first + i]);
            ASSERT_EQ(encoded.row().At(first + i), encoded.widened()[first + i]);
          }
          ASSERT_EQ(loaded[count], -12345.0f);
        }
      }
    }
  }
}

}  // namespace
}  // namespace boltzmann::test
