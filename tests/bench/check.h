// A benchmark is worth nothing if its answers are wrong: these look. Each returns what is wrong,
// for people, or nothing.
#ifndef BOLTZMANN_TESTS_BENCH_CHECK_H_
#define BOLTZMANN_TESTS_BENCH_CHECK_H_

#include <span>
#include <string>

#include "core/batch.h"
#include "core/engine.h"
#include "tests/bench/baselines.h"
#include "tests/bench/presets.h"
#include "tests/bench/rows.h"

namespace boltzmann::bench {

// The state of the row at this index of a batch, whatever is measured.
core::RowState StateOf(int row);

// Samples the first rows, and compares status, token, kept set and log-probs with the
// double-precision reference's. O(V log V) a row, in the reference.
std::string CheckEngine(core::Engine& engine, const Rows& rows, const Preset& preset);

// Compares status, token, log-probs and, where they are reported, kept set and mirostat's mu with
// the double-precision reference's for a row of `logits`. `row` is for the message.
std::string CheckAnswer(int row, std::span<const float> logits, const core::RowRequest& request,
                        const core::RowResult& result);

// That an answer is OK, and that the model's log-prob of its token is that of a row of `rows`.
std::string CheckModelLogprob(const core::RowResult& result, const Rows& rows, int row);

// That every row of a batch is OK, and that the model's log-prob of its token is right. The batch
// has the first rows in their order, or, if `hot`, the first one only.
std::string CheckBatch(const core::Batch& batch, const Rows& rows, bool hot);

// Samples the first rows, and compares the kept set and the log-probs with the reference's as far
// as fp32 can tell; the token must be in the kept set.
std::string CheckBaseline(Baseline& baseline, const Rows& rows, const Preset& preset);

// That the floor finds the greatest logit of each row.
std::string CheckFloor(float (*read)(const void*, core::DataType, size_t), const Rows& rows);

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_CHECK_H_
