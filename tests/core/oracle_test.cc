// Thousands of random rows with random parameters, each judged by the reference.
#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/core/agreement.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(NDEBUG)
constexpr bool kSlowBuild = true;
#elif defined(__has_feature)
constexpr bool kSlowBuild = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSlowBuild = false;
#endif

constexpr int kShards = 10;
constexpr int kRowsPerShard = kSlowBuild ? 100 : 1000;
constexpr int kRowsPerBatch = 20;
// One row in fifty is as large as a real vocabulary.
constexpr int kLargeRowEvery = 50;

int32_t RandomVocabSize(Stream& s, int row) {
  if (row % kLargeRowEvery == 0) return s.Of({50257, 65536, 100277, 128256, 128255});
  switch (s.Below(8)) {
    case 0:
      return s.Of({1, 2, 3, 31, 32, 33, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1024});
    case 1:
      return static_cast<int32_t>(1 + s.Below(6000));
    case 2:
      return static_cast<int32_t>(1 + s.Below(1500));
    default:
      return static_cast<int32_t>(1 + s.Below(s.Of({4, 40, 400})));
  }
}

float RandomBits(Stream& s) {
  const float x = std::bit_cast<float>(static_cast<uint32_t>(s.Next()));
  return std::isfinite(x) ? x : 0.0f;
}

// Logits of one kind. The kinds are what breaks samplers: ties, extremes, denormals.
std::vector<float> RandomFiniteLogits(Stream& s, size_t size) {
  std::vector<float> logits(size);
  const auto fill = [&](auto next) { std::generate(logits.begin(), logits.end(), next); };
  const auto bell = [&](double width, double centre) {
    fill([&, width, centre] { return static_cast<float>(s.Bell() * width + centre); });
  };
  switch (s.Below(12)) {
    case 0:  // flat
      bell(1, 0);
      break;
    case 1:  // peaked
      bell(2.5, 0);
      for (int i = 0; i < 50; ++i) {
        logits[s.Below(static_cast<int64_t>(size))] =
            static_cast<float>(12 - s.Of({1.0, 1.3, 1.6}) * std::log(1.0 + i) + 0.1 * s.Bell());
      }
      break;
    case 2:  // many ties
      logits = BellLogits(size, s.Next(), s.Of({1.0, 3.0}), s.Of({0.25, 1.0, 4.0}));
      break;
    case 3:  // all equal
      std::fill(logits.begin(), logits.end(), s.Of({0.0f, -0.0f, 1.5f, -3e38f, 3e38f, 1e-45f}));
      break;
    case 4:  // zeros of both signs
      fill([&] { return s.Of({0.0f, -0.0f}); });
      break;
    case 5:  // as large as floats get
      fill([&] { return s.Of({3.4028235e38f, -3.4028235e38f, 1e38f, 0.0f}); });
      break;
    case 6:  // large
      bell(1e6, -1e7);
      break;
    case 7:  // as small as floats get
      fill([&] { return static_cast<float>(s.Below(2001) - 1000) * 1e-45f; });
      break;
    case 8:  // any finite float
      fill([&] { return RandomBits(s); });
      break;
    case 9:  // a narrow band far from zero, where floats are coarse
      bell(1, s.Of({-1000.0, 1000.0, 60000.0}));
      break;
    case 10:  // wide: most weights underflow
      bell(300, 0);
      break;
    default:  // Zipf, in the order of the ids
      for (size_t i = 0; i < size; ++i) logits[i] = static_cast<float>(-1.1 * std::log(1.0 + i));
  }
  return logits;
}

// Leaves `count` random tokens as they are and sets all others to -infinity.
void LeaveFinite(Stream& s, int count, std::vector<float>& logits) {
  std::vector<float> bare(logits.size(), -kInf);
  for (int i = 0; i < count; ++i) {
    const int64_t token = s.Below(static_cast<int64_t>(logits.size()));
    bare[token] = logits[token];
  }
  logits = bare;
}

std::vector<float> RandomLogits(Stream& s, size_t size) {
  std::vector<float> logits = RandomFiniteLogits(s, size);
  const int64_t token = s.Below(static_cast<int64_t>(size));
  const int64_t kind = s.Below(100);
  if (kind < 5) LeaveFinite(s, 5, logits);
  if (kind >= 5 && kind < 9) LeaveFinite(s, 1, logits);
  if (kind >= 9 && kind < 40) {
    const double fraction = s.Of({.5, .9, .99});
    for (float& l : logits) l = s.Unit() < fraction ? -kInf : l;
  }
  if (kind == 97) LeaveFinite(s, 0, logits);
  if (kind >= 98) logits[token] = kind == 98 ? kNan : kInf;
  return logits;
}

core::SamplingParams RandomParams(Stream& s, int32_t vocab_size) {
  core::SamplingParams p;
  p.temperature = s.Of({1.0, 0.0, 1e-6, 1e-5, .01, .3, .7, 1.0, 2.0, 100.0, 1e30, 3 * s.Unit()});
  if (s.Below(3) == 0) {
    p.min_p = s.Of({1e-30, 1e-9, .001, .01, .05, .1, .5, .9, 1.0, s.Unit()});
  }
  if (s.Below(2) == 0) {
    p.top_k = s.Of({-1, 0, 1, 2, 3, 8, 50, vocab_size - 1, vocab_size, vocab_size + 1, 0x7FFFFFFF,
                    static_cast<int32_t>(1 + s.Below(vocab_size))});
  }
  if (s.Below(2) == 0) {
    p.top_p = s.Of({1.0, 1e-9, 1e-300, .1, .3, .5, .9, .95, .99, .999999, 1 - s.Unit()});
  }
  return p;
}

void AskAtRandom(Stream& s, Row& row) {
  const int32_t v = row.vocab_size();
  row.outputs = AskAll(v);
  row.outputs.model_logprobs = s.Below(8) != 0;
  row.outputs.sampled_logprobs = s.Below(8) != 0;
  row.outputs.ranks = s.Below(4) != 0;
  row.outputs.entropy = s.Below(4) != 0;
  row.outputs.kept_stats = s.Below(16) != 0;
  if (s.Below(4) == 0) row.outputs.top_model_count = static_cast<uint32_t>(s.Below(v + 1));
  if (s.Below(4) == 0) row.outputs.top_sampled_count = static_cast<uint32_t>(s.Below(v + 1));
  const auto named = s.Of<int64_t>({0, 3, 100});
  for (int64_t i = 0; i < named; ++i) row.named.push_back(static_cast<int32_t>(s.Below(v)));
  if (s.Below(2) == 0 && v <= 4096) row.named = AllTokens(v);
}

Row RandomRow(Stream& s, int index) {
  const int32_t vocab_size = RandomVocabSize(s, index);
  const auto type = s.Of({core::DataType::kFloat32, core::DataType::kFloat32,
                          core::DataType::kFloat16, core::DataType::kBFloat16});
  Row row{.logits = Encoded(RandomLogits(s, vocab_size), type, static_cast<size_t>(s.Below(4)))};
  row.params = RandomParams(s, vocab_size);
  row.state.seed = s.Of<uint64_t>({0, ~uint64_t{0}, s.Next()});
  row.state.position = s.Of<uint64_t>({0, 1, uint64_t{1} << 32, ~uint64_t{0}, s.Next()});
  row.state.draw_count = s.Of({1u, 1u, 2u, 20u, 200u});
  AskAtRandom(s, row);
  return row;
}

class Oracle : public testing::TestWithParam<int> {};

TEST_P(Oracle, AgreesOnEveryTokenKeptSetAndLogprobOfRandomRows) {
  core::Engine engine({.worker_count = 2});
  Stream s(20240607 + GetParam());
  int ties = 0;
  for (int done = 0; done < kRowsPerShard; done += kRowsPerBatch) {
    std::vector<Row> rows;
    for (int i = 0; i < kRowsPerBatch; ++i) rows.push_back(RandomRow(s, done + i));
    const Sampled sampled(engine, rows);
    for (int i = 0; i < kRowsPerBatch; ++i) {
      SCOPED_TRACE("row " + std::to_string(done + i));
      const Agreement agreement = Compare(rows[i], sampled[i]);
      if (agreement == Agreement::kNone) return;
      ties += agreement == Agreement::kTie;
    }
  }
  // Where two sums of doubles in different orders may decide differently: hardly ever.
  EXPECT_LE(ties, 1);
  RecordProperty("ties", ties);
}

INSTANTIATE_TEST_SUITE_P(Shards, Oracle, testing::Range(0, kShards));

}  // namespace
}  // namespace boltzmann::test
