#include "client/float_types.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "client/logit_matrix.h"

namespace boltzmann::client {
namespace {

constexpr uint16_t kHalfInfinity = 0x7c00;
constexpr uint16_t kBfloatInfinity = 0x7f80;

TEST(Float16, EveryValueSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const float value = Float16ToFloat32(static_cast<uint16_t>(bits));
    EXPECT_EQ(std::isnan(value), (bits & 0x7fff) > kHalfInfinity) << bits;
    EXPECT_EQ(Float32ToFloat16(value), bits);
  }
}

TEST(Float16, HasTheValuesOfTheStandard) {
  EXPECT_EQ(Float16ToFloat32(0x3c00), 1.0f);
  EXPECT_EQ(Float16ToFloat32(0xc000), -2.0f);
  EXPECT_EQ(Float16ToFloat32(0x7bff), 65504.0f);
  EXPECT_EQ(Float16ToFloat32(0x0400), 0x1p-14f);
  EXPECT_EQ(Float16ToFloat32(0x0001), 0x1p-24f);
  EXPECT_EQ(Float16ToFloat32(0x3555), 0.333251953125f);
  EXPECT_TRUE(std::signbit(Float16ToFloat32(0x8000)));
}

// Between each value and the next one: the middle goes to the even one, all else to the nearer.
// The subnormals and the border to the normal numbers are among them.
TEST(Float16, RoundsToNearestAndTiesToEven) {
  for (uint16_t below = 0; below < 0x7bff; ++below) {
    const uint16_t above = below + 1;
    const float middle = (Float16ToFloat32(below) + Float16ToFloat32(above)) / 2;
    EXPECT_EQ(Float32ToFloat16(middle), below % 2 == 0 ? below : above) << below;
    EXPECT_EQ(Float32ToFloat16(std::nextafter(middle, 0.0f)), below) << below;
    EXPECT_EQ(Float32ToFloat16(std::nextafter(middle, 1e9f)), above) << below;
    EXPECT_EQ(Float32ToFloat16(-middle), 0x8000 | (below % 2 == 0 ? below : above)) << below;
  }
}

TEST(Float16, OverflowsToInfinityFromHalfAStepAboveTheLargest) {
  EXPECT_EQ(Float32ToFloat16(std::nextafter(65520.0f, 0.0f)), 0x7bff);
  EXPECT_EQ(Float32ToFloat16(65520.0f), kHalfInfinity);
  EXPECT_EQ(Float32ToFloat16(65536.0f), kHalfInfinity);
  EXPECT_EQ(Float32ToFloat16(-1e30f), 0x8000 | kHalfInfinity);
  EXPECT_EQ(Float32ToFloat16(std::numeric_limits<float>::infinity()), kHalfInfinity);
}

TEST(Float16, UnderflowsToZeroOfTheSameSign) {
  EXPECT_EQ(Float32ToFloat16(0x1p-25f), 0);
  EXPECT_EQ(Float32ToFloat16(std::nextafter(0x1p-25f, 1.0f)), 1);
  EXPECT_EQ(Float32ToFloat16(-1e-30f), 0x8000);
  EXPECT_EQ(Float32ToFloat16(std::numeric_limits<float>::denorm_min()), 0);
}

TEST(Float16, KeepsNanEvenIfItsPayloadDoesNotFit) {
  EXPECT_TRUE(std::isnan(Float16ToFloat32(Float32ToFloat16(std::bit_cast<float>(0x7f800001u)))));
  EXPECT_TRUE(std::isnan(Float16ToFloat32(Float32ToFloat16(std::bit_cast<float>(0xffffffffu)))));
}

TEST(Bfloat16, EveryValueSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    EXPECT_EQ(Float32ToBfloat16(Bfloat16ToFloat32(static_cast<uint16_t>(bits))), bits);
  }
}

TEST(Bfloat16, RoundsToNearestAndTiesToEven) {
  for (uint32_t below = 0; below < kBfloatInfinity; ++below) {
    const uint32_t middle = below << 16 | 0x8000;
    const uint32_t even = below + below % 2;
    EXPECT_EQ(Float32ToBfloat16(std::bit_cast<float>(middle)), even) << below;
    EXPECT_EQ(Float32ToBfloat16(std::bit_cast<float>(middle - 1)), below) << below;
    EXPECT_EQ(Float32ToBfloat16(std::bit_cast<float>(middle + 1)), below + 1) << below;
  }
}

TEST(Bfloat16, OverflowsToInfinity) {
  EXPECT_EQ(Float32ToBfloat16(std::numeric_limits<float>::max()), kBfloatInfinity);
  EXPECT_EQ(Float32ToBfloat16(-std::numeric_limits<float>::max()), 0x8000 | kBfloatInfinity);
}

TEST(Bfloat16, KeepsNanEvenIfItsPayloadDoesNotFit) {
  EXPECT_TRUE(std::isnan(Bfloat16ToFloat32(Float32ToBfloat16(std::bit_cast<float>(0x7f800001u)))));
  EXPECT_TRUE(std::isnan(Bfloat16ToFloat32(Float32ToBfloat16(std::bit_cast<float>(0x7fffffffu)))));
}

template <typename T>
std::string BytesOf(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

TEST(ConvertTo, RoundsToTheNarrowerTypesAndKeepsTheShape) {
  const LogitMatrix matrix{v1::DATA_TYPE_FLOAT32, 1, 2, BytesOf<float>({1.0f, -2.0f})};
  const LogitMatrix half = ConvertTo(matrix, v1::DATA_TYPE_FLOAT16);
  EXPECT_EQ(half.data_type, v1::DATA_TYPE_FLOAT16);
  EXPECT_EQ(half.row_count, 1u);
  EXPECT_EQ(half.vocab_size, 2u);
  EXPECT_EQ(half.bytes, BytesOf<uint16_t>({0x3c00, 0xc000}));
  EXPECT_EQ(ConvertTo(matrix, v1::DATA_TYPE_BFLOAT16).bytes, BytesOf<uint16_t>({0x3f80, 0xc000}));
  EXPECT_EQ(ConvertTo(matrix, v1::DATA_TYPE_FLOAT32).bytes, matrix.bytes);
}

TEST(ConvertTo, WidensFloat16Exactly) {
  const LogitMatrix half{v1::DATA_TYPE_FLOAT16, 2, 1, BytesOf<uint16_t>({0x0001, 0x7c00})};
  EXPECT_EQ(ConvertTo(half, v1::DATA_TYPE_FLOAT32).bytes,
            BytesOf<float>({0x1p-24f, std::numeric_limits<float>::infinity()}));
}

}  // namespace
}  // namespace boltzmann::client
