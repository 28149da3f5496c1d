// That speculative decoding is none but in its speed: whatever the draft, what is emitted is
// distributed as the target has it, and drafts are accepted as often as they can be.
//
// As in frequency_test.cc each test fails if counts at least as far off would come up by chance
// once in a million times or less, and seeds are fixed.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <ostream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/core/rows.h"
#include "tests/core/sequences.h"
#include "tests/reference.h"
#include "tests/statistical/chi_square.h"

namespace boltzmann::test {
namespace {

using core::SamplingParams;
using Probabilities = std::vector<double>;

constexpr size_t kVocabSize = 32;
constexpr uint32_t kTotal = 30000;
constexpr uint32_t kSequencesPerBatch = 5000;

// The target's logits: 32 tokens that fall by about a fifth each, ids shuffled.
std::vector<float> Logits(size_t stride) {
  std::vector<float> logits(kVocabSize);
  for (size_t i = 0; i < kVocabSize; ++i) {
    logits[i * stride % kVocabSize] = -0.21875f * static_cast<float>(i);
  }
  return logits;
}

Probabilities TargetOf(const std::vector<float>& logits, const SamplingParams& params) {
  Probabilities p;
  for (double l : Reference(logits, params, {}).sampled_logprobs) p.push_back(std::exp(l));
  return p;
}

// What tokens are drafted from, and how it is told.
enum class Drafting {
  kCertain,  // as if each was certain, while they come from anywhere
  kDense,    // near the target: the same at twice the temperature
  kHalf,     // dense binary16
  kFar,      // dense, with the least likely tokens of the target first
  kSparse,   // eight tokens
  kTarget,   // the target itself
};

// The probabilities that tokens are drafted with.
std::vector<float> DraftOf(Drafting drafting, const SamplingParams& params) {
  std::vector<float> logits = Logits(13);
  if (drafting == Drafting::kFar) {
    for (float& l : logits) l = -l / 2;
  }
  SamplingParams other = {.temperature = 2};
  if (drafting == Drafting::kTarget) other = params;
  if (drafting == Drafting::kSparse) other = {.temperature = 4, .top_k = 8};
  const Probabilities q = TargetOf(logits, other);
  const Encoded narrowed(std::vector<float>(q.begin(), q.end()), drafting == Drafting::kHalf
                                                                     ? core::DataType::kFloat16
                                                                     : core::DataType::kFloat32);
  return narrowed.widened();
}

int32_t DrawFrom(Stream& s, const std::vector<float>& probabilities) {
  double total = 0;
  for (float q : probabilities) total += q;
  double left = s.Unit() * total;
  int32_t token = -1;
  for (size_t t = 0; t < probabilities.size() && left >= 0; ++t) {
    if (probabilities[t] > 0) token = static_cast<int32_t>(t);
    left -= probabilities[t];
  }
  return token;
}

DraftedToken Draft(Stream& s, Drafting drafting, const std::vector<float>& q) {
  DraftedToken drafted{.token_id = DrawFrom(s, q)};
  if (drafting == Drafting::kCertain) return drafted;
  if (drafting == Drafting::kSparse) {
    for (size_t t = kVocabSize; t-- > 0;) {
      if (q[t] == 0) continue;
      drafted.token_ids.push_back(static_cast<int32_t>(t));
      drafted.probabilities.push_back(q[t]);
    }
    return drafted;
  }
  const bool half = drafting == Drafting::kHalf;
  drafted.dense = Encoded(q, half ? core::DataType::kFloat16 : core::DataType::kFloat32);
  return drafted;
}

struct Emitted {
  std::vector<uint32_t> first = std::vector<uint32_t>(kVocabSize);
  std::vector<uint32_t> after = std::vector<uint32_t>(kVocabSize);  // an accepted draft
  uint32_t accepted = 0;
};

// Sequences of one drafted token, each with a seed of its own.
Emitted VerifyMany(Drafting drafting, const SamplingParams& params) {
  Emitted emitted;
  const std::vector<float> q = DraftOf(drafting, params);
  Stream s(20260303);
  for (uint32_t done = 0; done < kTotal; done += kSequencesPerBatch) {
    std::vector<Sequence> sequences;
    for (size_t i = 0; i < kSequencesPerBatch; ++i) {
      Sequence sequence{.first = {.logits = Encoded(Logits(13)), .params = params}};
      sequence.first.outputs = {.model_logprobs = false, .sampled_logprobs = false};
      sequence.first.state.seed = done + i;
      sequence.later.emplace_back(Logits(5));
      sequence.drafts.push_back(Draft(s, drafting, q));
      sequences.push_back(std::move(sequence));
    }
    const Verified verified(SharedEngine(), sequences);
    for (size_t i = 0; i < kSequencesPerBatch; ++i) {
      const std::vector<int32_t> tokens = verified.Tokens(i);
      ++emitted.first.at(tokens.at(0));
      emitted.accepted += verified.AcceptedCount(i);
      if (tokens.size() > 1) ++emitted.after.at(tokens[1]);
    }
  }
  return emitted;
}

Probabilities Times(Probabilities p, double count) {
  for (double& x : p) x *= count;
  return p;
}

struct Filters {
  const char* name;
  SamplingParams params;
};

void PrintTo(const Filters& filters, std::ostream* out) { *out << filters.name; }

class VerifyFrequencies : public testing::TestWithParam<std::tuple<Filters, Drafting>> {
 protected:
  // How often a draft must be accepted: the sum of min(p, q); of p(x) if x is told to be certain.
  static double AcceptanceRate(const Probabilities& p, const std::vector<float>& q) {
    const bool certain = std::get<1>(GetParam()) == Drafting::kCertain;
    double rate = 0, total = 0;
    for (float x : q) total += x;
    for (size_t t = 0; t < kVocabSize; ++t) {
      // Drafted with q / total, accepted with min(1, p / q).
      const double accepted = certain ? p[t] : q[t] > 0 ? std::min(1.0, p[t] / q[t]) : 0;
      rate += q[t] / total * accepted;
    }
    return rate;
  }
};

TEST_P(VerifyFrequencies, AreTheTargetsWhateverTheDraft) {
  const auto& [filters, drafting] = GetParam();
  const Probabilities p = TargetOf(Logits(13), filters.params);
  const Emitted emitted = VerifyMany(drafting, filters.params);
  for (size_t t = 0; t < kVocabSize; ++t) {
    if (p[t] == 0) {
      EXPECT_EQ(emitted.first[t], 0u) << "token " << t << " is outside the kept set";
    }
  }
  EXPECT_GT(ChanceOf(emitted.first, Times(p, kTotal)), kAlpha);
  const double rate = AcceptanceRate(p, DraftOf(drafting, filters.params));
  EXPECT_GT(
      ChanceOf({emitted.accepted, kTotal - emitted.accepted}, {rate * kTotal, (1 - rate) * kTotal}),
      kAlpha)
      << emitted.accepted << " accepted, expected " << rate * kTotal;
  const Probabilities next = TargetOf(Logits(5), filters.params);
  EXPECT_GT(ChanceOf(emitted.after, Times(next, emitted.accepted)), kAlpha);
}

const Filters kFilters[] = {
    {"All", {}},
    {"TopK8", {.top_k = 8}},
    {"TopP70", {.top_p = .7}},
    {"MinP20AtHalfTemperature", {.temperature = .5, .min_p = .2}},
    {"TypicalP60", {.typical_p = .6}},
};

std::string NameOf(Drafting drafting) {
  constexpr const char* kNames[] = {"Certain", "Dense", "Half", "Far", "Sparse", "Target"};
  return kNames[static_cast<int>(drafting)];
}

INSTANTIATE_TEST_SUITE_P(, VerifyFrequencies,
                         testing::Combine(testing::ValuesIn(kFilters),
                                          testing::Values(Drafting::kCertain, Drafting::kDense,
                                                          Drafting::kHalf, Drafting::kFar,
                                                          Drafting::kSparse, Drafting::kTarget)),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param).name) + "DraftedFrom" +
                                  NameOf(std::get<1>(test.param));
                         });

// A draft that is the target is always accepted, but for the rounding of its probabilities.
TEST(AcceptedDrafts, AreNearlyAllIfTheyComeFromTheTarget) {
  EXPECT_GE(VerifyMany(Drafting::kTarget, {.top_p = .7}).accepted, kTotal - 2);
}

}  // namespace
}  // namespace boltzmann::test
