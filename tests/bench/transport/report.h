// The tables that a run ends with.
#ifndef BOLTZMANN_TESTS_BENCH_TRANSPORT_REPORT_H_
#define BOLTZMANN_TESTS_BENCH_TRANSPORT_REPORT_H_

#include <optional>
#include <string>
#include <vector>

#include "tests/bench/transport/tail.h"
#include "tests/bench/transport/trials.h"

namespace boltzmann::bench {

struct TransportFigures {
  Trials trials;
  std::vector<Tail> after_pauses;
  std::vector<Tail> back_to_back;
  std::optional<double> numpy_ms = {};  // for 64 rows
  std::string no_numpy = {};            // why not
};

// The ratios and their targets, the tails, and every figure. What was not measured shows as "-".
std::string Report(const TransportFigures& figures);

// Every figure, as JSON.
std::string Json(const TransportFigures& figures);

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_TRANSPORT_REPORT_H_
