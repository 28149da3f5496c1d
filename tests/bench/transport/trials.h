// What is measured, and how: every trial takes its turn in every round.
#ifndef BOLTZMANN_TESTS_BENCH_TRANSPORT_TRIALS_H_
#define BOLTZMANN_TESTS_BENCH_TRANSPORT_TRIALS_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/transport/callers.h"
#include "tests/bench/transport/workload.h"

namespace boltzmann::bench {

// Which trial. Printed as what/socket/mode/rows, such as bf16/unix/stream/64.
struct Key {
  std::string what;    // fp32, bf16, sparse, shared_fp32, shared_bf16; sink_..., engine_..., empty
  std::string socket;  // tcp, unix; empty for the engine
  std::string mode;    // unary, stream, stream_x4; empty for the engine
  int row_count;

  std::string Name() const;
  friend bool operator==(const Key&, const Key&) = default;
};

struct Trial {
  Key key;
  size_t bytes;  // of logits, a call
  std::unique_ptr<Caller> caller;
  const Workload* checked = nullptr;  // whose answers it must give
  std::vector<double> us = {};        // of each call
  std::vector<double> us_per_call =
      {};  // of each round: from its first call's start to its last's end
};

// The value below which a share `p` of the values lies. REQUIRES: there is one.
double Percentile(std::vector<double> values, double p);

class Trials {
 public:
  void Add(Trial trial) { trials_.push_back(std::move(trial)); }

  // One round: of each trial as many calls as take `seconds`, at least four. What is wrong, or
  // nothing. Every other round goes backwards.
  std::string RunRound(double seconds);

  const std::vector<Trial>& all() const { return trials_; }

  // Null if it was not measured.
  const Trial* Find(const Key& key) const;

  // How fast `trial` was beside `ceiling`, in calls a second: the median over the rounds. Nothing
  // if one of them was not measured.
  std::optional<double> Speed(const Key& trial, const Key& ceiling) const;

 private:
  std::string RunTurn(Trial& trial, double seconds);

  std::vector<Trial> trials_;
  int rounds_ = 0;
};

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_TRANSPORT_TRIALS_H_
