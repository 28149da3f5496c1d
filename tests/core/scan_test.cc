// The ends of the interval that tokens lie on: numbers that no seed is known to give.
#include "core/scan.h"

#include <cmath>
#include <optional>
#include <vector>

#include "gtest/gtest.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

using core::RankKey;

constexpr double kLargestBelowOne = 1 - 0x1p-53;

// The tokens that u = 0 and the largest u below 1 name.
struct Ends {
  int32_t first;
  int32_t last;
};

Ends DrawEnds(const std::vector<float>& logits, double temperature, RankKey cut, bool summed) {
  const core::LogitRow row(logits.data(), core::DataType::kFloat32,
                           static_cast<int32_t>(logits.size()));
  std::vector<core::Block> blocks(core::BlockCount(row.vocab_size()));
  core::ScannedRow scanned =
      core::Scan(core::KernelsFor(SharedEngine().instruction_set()), row,
                 {.temperature = temperature, .tempered_sums = summed}, absl::MakeSpan(blocks),
                 [](int count, absl::FunctionRef<void(int)> body) {
                   for (int i = 0; i < count; ++i) body(i);
                 });
  const auto token_at = [&](double u) {
    const core::Kept kept = core::Tally(scanned, cut, temperature);
    const std::optional<int32_t> token = core::TokenAt(scanned, cut, temperature, kept, u);
    if (token) return *token;
    const core::Kept exact = core::TallyExactly(scanned, cut, temperature);
    return core::TokenAt(scanned, cut, temperature, exact, u).value();
  };
  return {token_at(0.0), token_at(kLargestBelowOne)};
}

// Sums of one block in different orders differ in their last bits: the token named must be
// one that is kept even where the number lies between them.
TEST(TokenAt, NamesKeptTokensAtBothEndsOfTheInterval) {
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    Stream s(seed);
    const auto size = static_cast<int32_t>(10 + s.Below(1000));
    std::vector<float> logits = BellLogits(size, seed, 1.0);
    const auto first = static_cast<int32_t>(s.Below(size / 2));
    const auto last = static_cast<int32_t>(size / 2 + s.Below(size / 2));
    for (int32_t i = 0; i < size; ++i) {
      if (i < first || i > last) logits[i] = -kInf;
    }
    const double temperature = s.Of({.7, 1.0, 1.3});
    for (bool summed : {false, true}) {
      const Ends ends = DrawEnds(logits, temperature, core::kLastFinite, summed);
      ASSERT_EQ(ends.first, first) << seed;
      ASSERT_EQ(ends.last, last) << seed;
    }
    // The same tokens cut by a filter, not by a mask.
    std::vector<float> low = logits;
    for (float& l : low) l = l == -kInf ? -20.0f : l;
    const RankKey cut = core::KeyOf(-10.0f, 0);
    const Ends ends = DrawEnds(low, temperature, cut, true);
    ASSERT_EQ(ends.first, first) << seed;
    ASSERT_EQ(ends.last, last) << seed;
  }
}

}  // namespace
}  // namespace boltzmann::test
