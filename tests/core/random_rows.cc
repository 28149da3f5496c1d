#include "tests/core/random_rows.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

// Where two numbers are drawn, each is drawn in a statement or a braced list of its own: the
// order in which a call's arguments are computed is the compiler's choice.

namespace boltzmann::test {
namespace {

// One row in fifty is as large as a real vocabulary.
constexpr int kLargeRowEvery = 50;

// The natural logarithm of n >= 1, too small by at most 0.06. Not libm's, which differs
// between machines.
double RoughLog(uint64_t n) {
  const int whole = static_cast<int>(std::bit_width(n)) - 1;
  const double part = std::ldexp(static_cast<double>(n), -whole) - 1;
  return (whole + part) * 0.6931471805599453;
}

int32_t RandomVocabSize(Stream& s, bool large) {
  if (large) return s.Of({50257, 65536, 100277, 128256, 128255});
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
      for (int rank = 1; rank <= 50; ++rank) {
        const int64_t token = s.Below(static_cast<int64_t>(size));
        const double fall = s.Of({1.0, 1.3, 1.6}) * RoughLog(rank);
        logits[token] = static_cast<float>(12 - fall + 0.1 * s.Bell());
      }
      break;
    case 2: {  // many ties
      const double width = s.Of({1.0, 3.0}), step = s.Of({0.25, 1.0, 4.0});
      logits = BellLogits(size, s.Next(), width, step);
      break;
    }
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
      for (size_t i = 0; i < size; ++i) logits[i] = static_cast<float>(-1.1 * RoughLog(1 + i));
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

}  // namespace

RandomRows::RandomRows(int shard) : stream_(20240607 + static_cast<uint64_t>(shard)) {}

Row RandomRows::Next() {
  Stream& s = stream_;
  const int32_t vocab_size = RandomVocabSize(s, made_++ % kLargeRowEvery == 0);
  const auto type = s.Of({core::DataType::kFloat32, core::DataType::kFloat32,
                          core::DataType::kFloat16, core::DataType::kBFloat16});
  const std::vector<float> logits = RandomLogits(s, vocab_size);
  Row row{.logits = Encoded(logits, type, static_cast<size_t>(s.Below(4)))};
  row.params = RandomParams(s, vocab_size);
  row.state.seed = s.Of<uint64_t>({0, ~uint64_t{0}, s.Next()});
  row.state.position = s.Of<uint64_t>({0, 1, uint64_t{1} << 32, ~uint64_t{0}, s.Next()});
  row.state.draw_count = s.Of({1u, 1u, 2u, 20u, 200u});
  AskAtRandom(s, row);
  return row;
}

}  // namespace boltzmann::test
