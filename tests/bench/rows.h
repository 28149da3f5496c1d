// Rows of logits to measure with, as a language model's or flat.
#ifndef BOLTZMANN_TESTS_BENCH_ROWS_H_
#define BOLTZMANN_TESTS_BENCH_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "core/logits.h"

namespace boltzmann::bench {

enum class Shape : uint8_t {
  // A background of N(0, 2.5), and 50 random tokens overwritten by a head
  // A - a ln(rank) + N(0, .1): a is uniform in [1, 1.6], and A such that the head has a share
  // of the mass at temperature 1 that is uniform in [.92, .98].
  kPeaked,
  kFlat,  // N(0, sigma)
};

// Logits in fp32, `row_count` rows after each other. The same each time. `sigma` is for flat rows.
std::vector<float> MakeLogits(Shape shape, int32_t vocab_size, int row_count, double sigma = 1);

// Rows of one type, each right after the one before. They lie in huge pages where the system has
// them, so that where pages happen to lie does not move the figures of one run against another's.
class Rows {
 public:
  // Narrows `logits` to `type`. REQUIRES: logits.size() is a multiple of vocab_size.
  Rows(std::span<const float> logits, core::DataType type, int32_t vocab_size);

  int size() const { return static_cast<int>(log_totals_.size()); }
  int32_t vocab_size() const { return vocab_size_; }
  core::DataType type() const { return type_; }

  const void* data(int row) const { return bytes_.get() + row * row_bytes_; }
  core::LogitRow row(int row) const { return {data(row), type_, vocab_size_}; }

  // What the logits are worth once narrowed.
  std::vector<float> Widened(int row) const;
  float WidenedAt(int row, int32_t token) const;

  // ln of the sum of exp(logit), in double precision.
  double log_total(int row) const { return log_totals_[row]; }

 private:
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };

  core::DataType type_;
  int32_t vocab_size_;
  size_t row_bytes_;
  std::unique_ptr<std::byte[], Free> bytes_;
  std::vector<double> log_totals_;
};

// The rows that the benchmarks share, made when first asked for.
const Rows& SharedRows(Shape shape, core::DataType type, int32_t vocab_size, int row_count);

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_ROWS_H_
