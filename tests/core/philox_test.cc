#include "core/philox.h"

#include <array>
#include <cstdint>

#include "gtest/gtest.h"
#include "tests/core/rows.h"
#include "tests/reference.h"

namespace boltzmann::test {
namespace {

using core::Philox4x32;
using core::RandomDomain;
using core::Uniform;

using Counter = std::array<uint32_t, 4>;
using Key = std::array<uint32_t, 2>;

struct KnownAnswer {
  Counter counter;
  Key key;
  Counter output;
};

// The known-answer vectors that Random123 publishes for philox4x32 with 10 rounds.
constexpr KnownAnswer kRandom123[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

TEST(Philox, GivesTheKnownAnswersOfRandom123) {
  for (const KnownAnswer& known : kRandom123) {
    EXPECT_EQ(Philox4x32(known.counter, known.key), known.output);
  }
}

TEST(Philox, OfTheReferenceGivesTheKnownAnswersOfRandom123) {
  for (const KnownAnswer& known : kRandom123) {
    EXPECT_EQ(ReferencePhilox(known.counter, known.key), known.output);
  }
}

// The published vectors again, through the layout of key and counter that the contract states.
TEST(Uniform, IsMadeOfTheFirstTwoWordsOfTheBlockThatTheContractNames) {
  EXPECT_EQ(Uniform(0, 0, 0, RandomDomain::kDraw), (0xe169c58d6627e8d5 >> 11) * 0x1p-53);
  EXPECT_EQ(Uniform(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x13198a2e, RandomDomain{0x03707344}),
            (0x94fdccebd16cfe09 >> 11) * 0x1p-53);
}

TEST(Uniform, EqualsTheReferenceForAnySeedPositionAndDraw) {
  Stream s(1);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t seed = s.Next() >> s.Below(64), position = s.Next() >> s.Below(64);
    const auto draw = static_cast<uint32_t>(s.Next() >> (32 + s.Below(32)));
    const double u = Uniform(seed, position, draw, RandomDomain::kDraw);
    ASSERT_EQ(u, ReferenceUniform(seed, position, draw));
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
  }
}

TEST(Uniform, OfAnotherDomainIsAnotherNumber) {
  EXPECT_NE(Uniform(1, 2, 3, RandomDomain::kDraw), Uniform(1, 2, 3, RandomDomain{1}));
}

}  // namespace
}  // namespace boltzmann::test
