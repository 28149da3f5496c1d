// What is measured besides presets: a batch of rows, sequences to verify, or tokens to score, that
// looks after its own answers.
#ifndef BOLTZMANN_TESTS_BENCH_TRIALS_H_
#define BOLTZMANN_TESTS_BENCH_TRIALS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/batch.h"
#include "tests/bench/row_plan.h"
#include "tests/bench/rows.h"

namespace boltzmann::bench {

// A batch that is sampled over and over, with what it points into. V = 128256, fp32, from 64 rows.
class Trial {
 public:
  virtual ~Trial() = default;

  // Sampled, this has the answers that Check is about.
  core::Batch& batch() { return batch_; }

  // What the figure is one of: rows, or sequences.
  virtual size_t unit_count() const { return batch_.rows.size(); }

  // What is wrong with the batch that was sampled, or nothing. The first time some rows are
  // compared with the double-precision reference.
  std::string Check();

 protected:
  explicit Trial(const Rows& rows) : rows_(rows) {}

  // The row of logits that a row of the batch has.
  virtual int LogitsOf(size_t row) const { return static_cast<int>(row); }
  // Whether the batch has an answer for a row; all others must be OK.
  virtual bool IsAnswered(size_t) const { return true; }
  virtual std::string CompareWithReference() const = 0;

  // The first `count` rows, each sampled as a whole.
  std::string CompareRows(size_t count) const;
  const Rows& rows() const { return rows_; }
  const core::Batch& sampled() const { return batch_; }

 private:
  std::string CheckParameters() const;

  const Rows& rows_;
  core::Batch batch_;
  bool compared_ = false;
};

// A trial by its name, and how it is made.
struct NamedTrial {
  std::string name;
  std::function<std::unique_ptr<Trial>()> make;
};

// Every sampler on every shape, and what is below. All names begin with "samplers/".
std::vector<NamedTrial> SamplerTrials();

// Such as samplers/top_p_9/peaked.
std::string SamplerName(std::string_view sampler, Shape shape = Shape::kPeaked);

// Two figures, and the most that the first may be as a multiple of the second.
struct Comparison {
  std::string name;
  std::string against;
  std::optional<double> target = {};
};
std::vector<Comparison> SamplerComparisons();

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_TRIALS_H_
