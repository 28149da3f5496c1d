// What a service would use instead, written from the published algorithms: the sort-based path
// of inference engines, and the candidate array of samplers for CPUs. Both work in fp32, as
// these do, and report the log-probs of the token that they drew.
#ifndef BOLTZMANN_TESTS_BENCH_BASELINES_H_
#define BOLTZMANN_TESTS_BENCH_BASELINES_H_

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "core/params.h"

namespace boltzmann::bench {

// Both take temperature, min-p, top-k and top-p in this order, and any temperature above 0.
class Baseline {
 public:
  struct Answer {
    int32_t token;
    float model_logprob;
    float sampled_logprob;
    int32_t kept_count;
  };

  virtual ~Baseline() = default;

  // Samples one row. Not thread-safe: scratch is kept from row to row.
  virtual Answer Sample(std::span<const float> logits, const core::SamplingParams& params) = 0;
};

// The reference path of the engines that work on tensors, one step over the whole row after the
// other: log-softmax, / T, min-p mask, full stable sort, top-k cut, softmax, cumulative sum,
// nucleus cut, scatter back, softmax, and an exponential race: argmax of p / e with e ~ Exp(1).
// The sort is left out where there is neither top-k nor top-p.
class SortBased : public Baseline {
 public:
  Answer Sample(std::span<const float> logits, const core::SamplingParams& params) override;

 private:
  struct Entry {
    float logit;
    int32_t id;
  };

  void CutSorted(const core::SamplingParams& params);

  std::mt19937 random_{1};
  std::vector<float> scaled_, probs_, cumulative_;
  std::vector<Entry> sorted_;
};

// The chain of samplers over an array of {id, logit, p} with an entry for every token: each
// filter shortens the array, which is sorted by buckets only as far as a filter must see it in
// order; then a softmax over what is left, and a walk along it for the draw. The model's
// log-prob takes a softmax over the row as received.
class CandidateArray : public Baseline {
 public:
  Answer Sample(std::span<const float> logits, const core::SamplingParams& params) override;

 private:
  struct Candidate {
    int32_t id;
    float logit;
    float p;
  };

  void Fill(std::span<const float> logits, float temperature);
  void MinP(float min_p);
  void TopK(size_t k);
  void TopP(float top_p);
  void SortFirst(size_t count);
  void Softmax();
  const Candidate& Draw();

  std::mt19937 random_{1};
  std::vector<Candidate> candidates_, buffer_;
  size_t sorted_ = 0;  // how many candidates at the front are in descending order
};

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_BASELINES_H_
