// Each kernel on every instruction set that this machine has, against plain loops.
#include "core/kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

using core::InstructionSet;

// A test for each set; those that this machine lacks are skipped.
class Kernels : public testing::TestWithParam<InstructionSet> {
 protected:
  void SetUp() override {
    if (!IsSupported(GetParam()))
      GTEST_SKIP() << core::NameOf(GetParam()) << ": not on this machine";
    kernels_ = &core::KernelsFor(GetParam());
  }
  double Weight(double logit, core::WeightScale scale) const {
    double weight = -1;
    kernels_->weigh(&logit, 1, scale, &weight);
    return weight;
  }
  std::vector<core::Block> Scan(const core::LogitRow& row, const core::ScanOptions& options) const {
    std::vector<core::Block> blocks(core::BlockCount(row.vocab_size()));
    kernels_->scan(row, options, 0, absl::MakeSpan(blocks));
    return blocks;
  }

  const core::Kernels* kernels_ = nullptr;
};

INSTANTIATE_TEST_SUITE_P(, Kernels, testing::ValuesIn(kAllInstructionSets),
                         [](const auto& set) { return std::string(core::NameOf(set.param)); });

// The argument has a rounding of its own, so far from 0 that an exponential shows it.
double Tolerance(double x) { return 2e-14 + std::abs(x) * 3e-16; }

TEST_P(Kernels, WeighTheLargestLogitAsOneExactly) {
  for (float max : {0.0f, -0.0f, 1.0f, -17.25f, 3e38f, -3e38f, 1e-40f}) {
    for (double temperature : {1e-5, .7, 1.0, 1e30, 1e200}) {
      EXPECT_EQ(Weight(max, {max, temperature}), 1.0) << max << " at " << temperature;
    }
  }
}

TEST_P(Kernels, WeighByTheExponential) {
  Stream s(1);
  for (int i = 0; i < 100000; ++i) {
    const auto logit = static_cast<float>(-700 * s.Unit() * s.Unit() * s.Unit());
    const double temperature = s.Of({1.0, 1.0, .7, 1.3, 20.0, 1e5});
    const double x = logit / temperature;
    if (x < -700) continue;
    const double expected = std::exp(x);
    ASSERT_NEAR(Weight(logit, {0, temperature}), expected, expected * Tolerance(x)) << logit;
  }
}

TEST_P(Kernels, WeighByTheExponentialNextToEveryPlaceWhereItsPiecesMeet) {
  for (int n = 1; n < 2020; ++n) {
    const auto at = static_cast<float>(-n * std::log(2.0) / 2);
    for (float x : {std::nextafter(at, -kInf), at, std::nextafter(at, 0.0f)}) {
      const double expected = std::exp(double{x});
      ASSERT_NEAR(Weight(x, {0, 1.0}), expected, expected * Tolerance(x)) << x;
    }
  }
}

TEST_P(Kernels, WeighWhatCannotBeSeenBesideOneAsNextToNothing) {
  for (float logit : {-kInf, -3e38f, -1e6f, -710.0f}) {
    for (double temperature : {1e-5, .7, 1.0}) {
      EXPECT_GE(Weight(logit, {0, temperature}), 0.0);
      EXPECT_LE(Weight(logit, {0, temperature}), 1e-300) << logit << " at " << temperature;
    }
  }
  EXPECT_LE(Weight(-kInf, {3e38f, 1e200}), 1e-300);
}

TEST_P(Kernels, WeighAnyNumberOfLogitsAndWriteNoMore) {
  const std::vector<float> floats = BellLogits(40, 1);
  const std::vector<double> logits(floats.begin(), floats.end());
  for (int count = 0; count <= 40; ++count) {
    std::vector<double> weights(41, -1);
    kernels_->weigh(logits.data(), count, {20, 1.0}, weights.data());
    for (int i = 0; i < count; ++i) ASSERT_EQ(weights[i], Weight(logits[i], {20, 1.0}));
    for (int i = count; i <= 40; ++i) ASSERT_EQ(weights[i], -1);
  }
}

// The true sums of a block, and its maximum.
core::Block Expected(const float* logits, int count, double temperature) {
  core::Block block = {.max = *std::max_element(logits, logits + count)};
  for (int i = 0; i < count; ++i) {
    block.model_sum += std::exp(double{logits[i]} - block.max);
    block.tempered_sum += std::exp((double{logits[i]} - block.max) / temperature);
  }
  return block;
}

TEST_P(Kernels, ScanSumsWithinTheErrorThatDecisionsAllowFor) {
  Stream s(1);
  double worst = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const auto size = static_cast<size_t>(1 + s.Below(1500));
    const double width = s.Of({0.0, .1, 1.0, 2.5, 10.0, 1000.0});
    const double step = s.Of({0x1p-16, 1.0, .5});
    const double temperature = s.Of({1e-5, .1, .7, 1.0, 1.9, 100.0, 1e18});
    const Encoded row(
        BellLogits(size, seed, width, step),
        s.Of({core::DataType::kFloat32, core::DataType::kFloat16, core::DataType::kBFloat16}),
        seed % 8);
    const auto blocks = Scan(row.row(), {temperature, true, true});
    for (size_t b = 0; b < blocks.size(); ++b) {
      const size_t first = b * core::kBlockSize;
      const auto count = static_cast<int>(std::min<size_t>(core::kBlockSize, size - first));
      const core::Block expected = Expected(&row.widened()[first], count, temperature);
      ASSERT_EQ(blocks[b].max, expected.max);
      worst = std::max({worst, std::abs(blocks[b].model_sum / expected.model_sum - 1),
                        std::abs(blocks[b].tempered_sum / expected.tempered_sum - 1)});
    }
  }
  EXPECT_LE(worst, core::kScanError / 2);  // what rounding at its worst might do is allowed for
  EXPECT_GT(worst, 1e-9);                  // these are sums in single precision
}

// The sums where errors add up: all logits of a block but one are equal, at the distance
// where the argument is rounded most for what it weighs.
TEST_P(Kernels, ScanSumsWithinTheErrorWhereAllLogitsErrAlike) {
  double worst = 0;
  for (int i = 0; i < 40000; ++i) {
    std::vector<float> logits(core::kBlockSize, 1.0f / 3 - static_cast<float>(i) * 3e-4f);
    logits[17] = 1.0f / 3;
    const Encoded row(logits);
    const double temperature = i % 2 ? 1.0 : .7;
    const auto blocks = Scan(row.row(), {temperature, true, true});
    const core::Block expected = Expected(logits.data(), core::kBlockSize, temperature);
    worst = std::max({worst, std::abs(blocks[0].model_sum / expected.model_sum - 1),
                      std::abs(blocks[0].tempered_sum / expected.tempered_sum - 1)});
  }
  EXPECT_LE(worst, core::kScanError);
}

TEST_P(Kernels, ScanFindsANanWhereverItIs) {
  const uint32_t nans[] = {0x7FC00000, 0xFFC00000, 0x7F800001, 0xFF800001, 0x7FFFFFFF, 0xFFFFFFFF};
  for (int at = 0; at < core::kBlockSize; ++at) {
    std::vector<float> logits = BellLogits(core::kBlockSize, 1);
    logits[at] = std::bit_cast<float>(nans[at % std::size(nans)]);
    if (at % 3 == 0) logits[(at + 100) % core::kBlockSize] = kInf;
    const core::LogitRow row(logits.data(), core::DataType::kFloat32, core::kBlockSize);
    for (bool sums : {false, true}) {
      ASSERT_TRUE(std::isnan(Scan(row, {1.0, sums, sums})[0].received_max)) << at;
    }
  }
}

TEST_P(Kernels, ScanFindsANanThatIsAloneOrAmongNothingButMinusInfinity) {
  for (int size : {1, 2, 31, 32, 33, 255, 256}) {
    for (int at : {0, size / 2, size - 1}) {
      std::vector<float> logits(size, -kInf);
      logits[at] = kNan;
      const core::LogitRow row(logits.data(), core::DataType::kFloat32, size);
      for (bool sums : {false, true}) {
        ASSERT_TRUE(std::isnan(Scan(row, {1.0, sums, sums})[0].received_max)) << size << " " << at;
      }
    }
  }
}

TEST_P(Kernels, ScanTakesInfinitiesAndHugeLogitsForNoNan) {
  const std::vector<std::vector<float>> rows = {
      {kInf, -kInf}, {3e38f, 3e38f, 3e38f, -kInf}, {-3e38f, -3e38f, -3e38f}, {kInf, 1}, {-kInf, 2}};
  for (const std::vector<float>& logits : rows) {
    const Encoded row(logits);
    const core::Block block = Scan(row.row(), {1.0, true, true})[0];
    EXPECT_EQ(block.max, *std::max_element(logits.begin(), logits.end()));
    EXPECT_EQ(block.max, block.received_max);
  }
}

// A row in pieces that end anywhere, with a mask and edits on it.
struct Overlaid {
  std::vector<std::vector<std::byte>> pieces;
  std::vector<core::LogitSegment> segments;
  std::vector<uint32_t> allowed;
  std::vector<core::LogitEdit> edits;
  std::vector<uint32_t> edit_begins;
  core::Ceiling ceiling;
  std::vector<float> received;
  std::vector<double> seen;
  core::DataType type;

  core::LogitRow row() const {
    core::LogitRow row(segments, type, static_cast<int32_t>(received.size()));
    row.Allow(absl::MakeSpan(reinterpret_cast<const std::byte*>(allowed.data()),
                             allowed.size() * sizeof(uint32_t)));
    row.Edit({edits, edit_begins});
    row.CutAbove(ceiling);
    return row;
  }
};

Overlaid MakeOverlaid(uint64_t seed) {
  Stream s(seed);
  const auto size = static_cast<int32_t>(1 + s.Below(2000));
  Overlaid o;
  o.type = kDataTypes[seed % 3];
  const Encoded encoded(BellLogits(size, seed), o.type);
  o.received = encoded.widened();
  o.seen.assign(o.received.begin(), o.received.end());
  const size_t bytes = size * core::SizeOf(o.type);
  const std::byte* from = encoded.row().Contiguous(0, size);
  for (size_t begin = 0; begin < bytes;) {
    const size_t length = std::min<size_t>(bytes - begin, 1 + s.Below(seed % 2 ? 3000 : 7));
    // At any address.
    o.pieces.emplace_back(length + 8);
    std::byte* to = o.pieces.back().data() + s.Below(8);
    std::copy_n(from + begin, length, to);
    o.segments.push_back({to, begin});
    begin += length;
  }
  o.allowed.resize(s.Below(size / 32 + 2));
  const bool sparse_mask = s.Below(2) == 0;
  for (uint32_t& word : o.allowed) word = sparse_mask ? static_cast<uint32_t>(s.Next()) : ~0u;
  const auto allows = [&o](int32_t id) {
    const size_t word = id / 32;
    return word < o.allowed.size() && (o.allowed[word] >> id % 32 & 1);
  };
  const double eighth_bit = 5 * (1 + 0x1p-31);  // of no float
  for (int32_t id = 0; id < size; id += 1 + static_cast<int32_t>(s.Below(seed % 3 ? 100 : 3))) {
    if (!allows(id)) continue;
    const double infinity = kInf;
    o.edits.push_back(
        {id, o.received[id], s.Of({-infinity, 5.0, 11.0, -1.0, eighth_bit, 7 / 3.0})});
    o.edits.back().logit = core::LogitOf(core::KeyOf(o.edits.back().logit, 0));
    o.seen[id] = o.edits.back().logit;
  }
  for (int32_t block = 0; block <= core::BlockCount(size); ++block) {
    const auto first = std::partition_point(
        o.edits.begin(), o.edits.end(),
        [block](const core::LogitEdit& e) { return e.token_id < block * core::kBlockSize; });
    o.edit_begins.push_back(static_cast<uint32_t>(first - o.edits.begin()));
  }
  if (s.Below(3) == 0) {
    o.ceiling = {.logit = s.Of({5.0, eighth_bit, o.seen[s.Below(size)]}),
                 .first_token = static_cast<int32_t>(s.Below(size)),
                 .last_token = s.Of({core::kLastToken, size / 2})};
  }
  for (int32_t id = 0; id < size; ++id) {
    if (!allows(id) || !o.ceiling.Keeps(o.seen[id], id)) o.seen[id] = -kInf;
  }
  return o;
}

// The maximum of logits that are written out, and the sum of exp((l - max) / temperature).
std::pair<double, double> MaxAndSum(const double* logits, size_t count, double temperature) {
  const double max = *std::max_element(logits, logits + count);
  double sum = 0;
  for (size_t i = 0; i < count; ++i) {
    if (logits[i] > -kInf) sum += std::exp((logits[i] - max) / temperature);
  }
  return {max, sum};
}

TEST_P(Kernels, SeeRowsInPiecesUnderMasksAndEditsAsIfTheyHadBeenWrittenOut) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const Overlaid overlaid = MakeOverlaid(seed);
    const auto size = static_cast<int32_t>(overlaid.received.size());
    const core::LogitRow row = overlaid.row();
    const core::LogitRow received(overlaid.received.data(), core::DataType::kFloat32, size);
    const auto received_blocks = Scan(received, {.7, true, true});
    // Edited tokens are left out of the sums.
    std::vector<double> floats = overlaid.seen;
    std::vector<double> unedited(overlaid.received.begin(), overlaid.received.end());
    for (const core::LogitEdit& edit : overlaid.edits) {
      floats[edit.token_id] = unedited[edit.token_id] = -kInf;
    }
    const std::vector<double> whole(overlaid.received.begin(), overlaid.received.end());
    for (const core::ScanOptions& options :
         {core::ScanOptions{.7, true, true}, core::ScanOptions{.7, false, true},
          core::ScanOptions{1.0, true, false}}) {
      const auto blocks = Scan(row, options);
      for (size_t b = 0; b < blocks.size(); ++b) {
        const core::Block& block = blocks[b];
        const size_t first = b * core::kBlockSize;
        const size_t count = std::min<size_t>(core::kBlockSize, size - first);
        ASSERT_EQ(block.max, MaxAndSum(&overlaid.seen[first], count, 1).first) << seed;
        ASSERT_EQ(block.received_max, received_blocks[b].received_max) << seed;
        const auto [float_max, sum] = MaxAndSum(&floats[first], count, .7);
        ASSERT_EQ(block.float_max, float_max) << seed;
        const double error = core::kScanError;
        if (options.tempered_sums) {
          ASSERT_NEAR(block.tempered_sum, sum, error * sum) << seed;
        }
        if (!options.model_sums) continue;
        const auto [model_max, model_sum] =
            MaxAndSum(block.model_whole ? &whole[first] : &unedited[first], count, 1);
        ASSERT_EQ(block.model_max, model_max) << seed;
        ASSERT_NEAR(block.model_sum, model_sum, error * model_sum) << seed;
      }
    }
    for (int32_t id = 0; id < size; ++id) {
      ASSERT_EQ(row.At(id), overlaid.seen[id]) << seed << " " << id;
      ASSERT_EQ(row.ReceivedAt(id), overlaid.received[id]) << seed << " " << id;
    }
  }
}

// Cuts at, above and below tokens of a row with many ties.
std::vector<core::RankKey> Cuts(const std::vector<double>& logits) {
  std::vector<core::RankKey> cuts = {core::kLastFinite, core::LastKeyAt(0.0),
                                     core::LastKeyAt(5 * (1 + 0x1p-31)), core::LastKeyAt(5.0)};
  for (size_t id = 0; id < logits.size(); id += 1 + logits.size() / 7) {
    if (logits[id] == -kInf) continue;
    cuts.push_back(core::KeyOf(logits[id], static_cast<int32_t>(id)));
    cuts.push_back(core::LastKeyAbove(logits[id]));
  }
  return cuts;
}

TEST_P(Kernels, CountTallyAndGatherExactlyTheTokensOfACut) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const Overlaid overlaid = MakeOverlaid(seed);
    const core::LogitRow row = overlaid.row();
    std::vector<core::Block> blocks = Scan(row, {});
    double max = -kInf;
    for (const core::Block& block : blocks) max = std::max(max, block.max);
    if (max == -kInf) continue;
    const core::WeightScale scale = {max, .7};
    for (core::RankKey cut : Cuts(overlaid.seen)) {
      std::vector<core::RankKey> expected;
      double mass = 0, logs = 0, lower = 0, upper = 0, sum = 0, squares = 0;
      constexpr float kLow = 4.5f, kHigh = 8.0f;
      for (size_t id = 0; id < overlaid.seen.size(); ++id) {
        const core::RankKey key = core::KeyOf(overlaid.seen[id], static_cast<int32_t>(id));
        if (key < cut) continue;
        expected.push_back(key);
        sum += overlaid.seen[id] - 3;
        squares += (overlaid.seen[id] - 3) * (overlaid.seen[id] - 3);
        const double x = (overlaid.seen[id] - max) / .7;
        mass += std::exp(x);
        logs += std::exp(x) * x;
        if (overlaid.seen[id] >= kLow) lower += std::exp(x);
        if (overlaid.seen[id] > kHigh) upper += std::exp(x);
      }
      const auto span = absl::MakeSpan(blocks);
      ASSERT_EQ(kernels_->count(row, cut, span), static_cast<int32_t>(expected.size()));
      ASSERT_NEAR(kernels_->tally(row, scale, cut, span), mass, 1e-12 * mass);
      const core::MassAndLogs both = kernels_->tally_logs(row, scale, cut, span);
      ASSERT_EQ(both.mass, kernels_->tally(row, scale, cut, span));
      ASSERT_NEAR(both.logs, logs, 1e-12 * mass);
      const core::Moments moments = kernels_->moments(row, 3.0, cut, span);
      ASSERT_EQ(moments.count, static_cast<int32_t>(expected.size()));
      ASSERT_NEAR(moments.sum, sum, 1e-9);
      ASSERT_NEAR(moments.squares, squares, 1e-9);
      const core::Zones zones = kernels_->tally_zones(row, scale, cut, kLow, kHigh, span);
      ASSERT_NEAR(zones.all, mass, 1e-12 * mass);
      ASSERT_NEAR(zones.lower, lower, 1e-12 * mass);
      ASSERT_NEAR(zones.upper, upper, 1e-12 * mass);
      std::vector<core::RankKey> keys(expected.size() + 1, 12345);
      const int32_t capacity = static_cast<int32_t>(expected.size());
      ASSERT_EQ(kernels_->gather(row, cut, max, span, keys.data(), capacity).count, capacity);
      ASSERT_EQ(keys.back(), 12345u);
      keys.pop_back();
      const std::vector<core::RankKey> gathered = keys;
      std::sort(keys.begin(), keys.end());
      std::sort(expected.begin(), expected.end());
      ASSERT_EQ(keys, expected);
      // Between two bounds, and above them.
      const core::Gathered some = kernels_->gather(row, cut, kHigh, span, nullptr, 0);
      const auto is_above = [](core::RankKey key) { return core::LogitOf(key) > kHigh; };
      ASSERT_EQ(some.above, std::count_if(expected.begin(), expected.end(), is_above));
      ASSERT_EQ(some.above + some.count, capacity);
      // With less room it still says how many there are.
      if (capacity < 2) continue;
      keys.assign(3, 12345);
      ASSERT_EQ(kernels_->gather(row, cut, max, span, keys.data(), 2).count, capacity);
      ASSERT_EQ(keys, (std::vector<core::RankKey>{gathered[0], gathered[1], 12345}));
    }
  }
}

TEST(InstructionSets, AreFoundByNameAndListedWhereTheyAreNot) {
  for (InstructionSet set : core::SupportedInstructionSets()) {
    EXPECT_EQ(core::FindInstructionSet(core::NameOf(set)).value(), set);
  }
  EXPECT_EQ(core::SupportedInstructionSets().back(), InstructionSet::kPortable);
  const absl::Status status = core::FindInstructionSet("sse9").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("sse9"));
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("portable"));
}

}  // namespace
}  // namespace boltzmann::test
