// Deep cuts, against sorting the row.
#include "core/selection.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "core/params.h"
#include "gtest/gtest.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

using core::RankKey;

// Rows that a sample says little or nothing about.
struct Shape {
  const char* name;
  float (*logit)(int32_t id, int32_t size, Stream& s);
};

constexpr Shape kShapes[] = {
    {"Bell", [](int32_t, int32_t, Stream& s) { return static_cast<float>(s.Bell()); }},
    {"Wide", [](int32_t, int32_t, Stream& s) { return static_cast<float>(5 * s.Bell()); }},
    {"Equal", [](int32_t, int32_t, Stream&) { return 1.5f; }},
    {"TwoValues", [](int32_t id, int32_t, Stream&) { return id % 3 == 0 ? 1.0f : 0.5f; }},
    {"FewValues",
     [](int32_t, int32_t, Stream& s) { return .25f * static_cast<float>(s.Below(5)); }},
    {"Ascending", [](int32_t id, int32_t size,
                     Stream&) { return static_cast<float>(id) / static_cast<float>(size); }},
    {"Descending", [](int32_t id, int32_t size,
                      Stream&) { return -static_cast<float>(id) / static_cast<float>(size); }},
    {"MostlyMasked",
     [](int32_t, int32_t, Stream& s) {
       return s.Below(10) > 0 ? -kInf : static_cast<float>(s.Bell());
     }},
    {"OneFarAway", [](int32_t id, int32_t,
                      Stream& s) { return id == 777 ? 3e38f : static_cast<float>(s.Bell()); }},
    // The first logits of each block, which a sample takes first, are unlike the others.
    {"Deceptive",
     [](int32_t id, int32_t, Stream& s) {
       return static_cast<float>(s.Bell() - (id % core::kBlockSize < 16 ? 5 : 0));
     }},
    {"DeceptiveTheOtherWay",
     [](int32_t id, int32_t, Stream& s) {
       return static_cast<float>(s.Bell() + (id % core::kBlockSize < 16 ? 5 : 0));
     }},
    {"BothZeros", [](int32_t id, int32_t, Stream&) { return id % 2 ? 0.0f : -0.0f; }},
};

std::vector<float> MakeLogits(const Shape& shape, int32_t size) {
  Stream s(size);
  std::vector<float> logits;
  for (int32_t id = 0; id < size; ++id) logits.push_back(shape.logit(id, size, s));
  return logits;
}

// A scanned row, and its keys in order.
class Selected {
 public:
  Selected(const Shape& shape, int32_t size)
      : logits_(MakeLogits(shape, size)), row_(logits_.data(), core::DataType::kFloat32, size) {
    for (int32_t id = 0; id < size; ++id) keys_.push_back(core::KeyOf(logits_[id], id));
    std::sort(keys_.begin(), keys_.end(), std::greater<>());
    blocks_.resize(core::BlockCount(size));
  }

  core::ScannedRow Scan() {
    return core::Scan(core::KernelsFor(SharedEngine().instruction_set()), row_, {},
                      absl::MakeSpan(blocks_), [](int count, absl::FunctionRef<void(int)> body) {
                        for (int i = 0; i < count; ++i) body(i);
                      });
  }
  const std::vector<RankKey>& keys() const { return keys_; }

 private:
  std::vector<float> logits_;
  core::LogitRow row_;
  std::vector<RankKey> keys_;
  std::vector<core::Block> blocks_;
};

class Selection : public testing::TestWithParam<Shape> {};

INSTANTIATE_TEST_SUITE_P(, Selection, testing::ValuesIn(kShapes),
                         [](const auto& shape) { return std::string(shape.param.name); });

constexpr int32_t kSizes[] = {1, 255, 5000, 50257, 128256, 262144};

TEST_P(Selection, FindsTheKeyThatSortingFinds) {
  core::SelectionScratch scratch;
  for (int32_t size : kSizes) {
    Selected row(GetParam(), size);
    const core::ScannedRow scanned = row.Scan();
    for (int32_t k : {1, 2, 100, size / 100, size / 3, size / 2, size - 1, size}) {
      if (k < 1 || k > size) continue;
      ASSERT_EQ(core::KthKey(scanned, k, scratch), row.keys()[k - 1]) << size << " " << k;
    }
  }
}

// What adding up a quarter of a million doubles one by one may be off by.
constexpr double kRounding = 2e-11;

// Looks for nuclei of all kinds in a row, at one temperature.
void ExpectNuclei(const Selected& row, core::ScannedRow& scanned, double temperature) {
  core::SelectionScratch scratch;
  std::vector<double> before = {0};  // the mass before each token
  for (RankKey key : row.keys()) {
    const double x = (double{core::LogitOf(key)} - scanned.max) / temperature;
    before.push_back(before.back() + std::exp(x));
  }
  const double mass = before.back();
  for (double p : {1e-9, .01, .3, .5, .9, .99, .9999, 1 - 1e-9}) {
    SCOPED_TRACE(p);
    const core::Nucleus nucleus =
        core::FindNucleus(scanned, core::kLastFinite, temperature, p, 0, scratch);
    // How many tokens are kept, and whether that is right: but for rounding at the edge.
    const auto end = std::partition_point(row.keys().begin(), row.keys().end(),
                                          [&](RankKey key) { return key >= nucleus.cut; });
    const auto kept = static_cast<size_t>(end - row.keys().begin());
    ASSERT_GE(kept, 1u);
    EXPECT_LT(before[kept - 1] / mass, p + kRounding);
    if (end != row.keys().end() && core::LogitOf(*end) > -kInf) {
      EXPECT_GT(before[kept] / mass, p - kRounding);
    }
    EXPECT_NEAR(nucleus.kept.mass / before[kept], 1, kRounding);
    double parts = 0;
    for (const core::Block& block : scanned.blocks) parts += block.kept_mass;
    EXPECT_NEAR(parts / nucleus.kept.mass, 1, kRounding);
  }
}

TEST_P(Selection, FindsTheNucleusThatWalkingTheOrderFinds) {
  for (int32_t size : kSizes) {
    Selected row(GetParam(), size);
    core::ScannedRow scanned = row.Scan();
    if (scanned.status != core::RowStatus::kOk) continue;
    SCOPED_TRACE(size);
    ExpectNuclei(row, scanned, 1.0);
    // So hot that logits count of which the distances from a far maximum are all the same.
    ExpectNuclei(row, scanned, 1e38);
  }
}

}  // namespace
}  // namespace boltzmann::test
