// Every stage and every edit, one at a time and as a serving mix has them.
#ifndef BOLTZMANN_TESTS_BENCH_SAMPLERS_H_
#define BOLTZMANN_TESTS_BENCH_SAMPLERS_H_

#include <span>
#include <string_view>
#include <vector>

#include "tests/bench/row_plan.h"

namespace boltzmann::bench {

// A stage or an edit, as callers use it.
struct Sampler {
  std::string_view name;
  void (*set)(RowPlan&);  // adds it to a row that has a temperature
};

// The first is the temperature alone, which the others are compared with.
std::span<const Sampler> Samplers();

inline constexpr double kSamplerTemperature = 0.7;

// 64 rows of which no two are alike. mixed_rows.cc says how many use what.
std::vector<RowPlan> MixedRows(Shape shape);

// The same rows with their temperatures alone.
std::vector<RowPlan> MixedTemperatures(Shape shape);

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_SAMPLERS_H_
