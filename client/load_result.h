// What a load test has measured.
#ifndef BOLTZMANN_CLIENT_LOAD_RESULT_H_
#define BOLTZMANN_CLIENT_LOAD_RESULT_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/latency_histogram.h"

namespace boltzmann::client {

// A second of a step, or the last part of one.
struct LoadInterval {
  double begin_seconds = 0;  // since the step's measurement began
  double seconds = 0;
  uint64_t error_count = 0;
  LatencyHistogram latency = {};  // of calls that were answered, by when they ended
};

// Where the server says that a call's time went, on average over the calls of a step.
struct ServerTime {
  double queued_us = 0;    // from a call's first byte to its turn
  double computed_us = 0;  // from when it was received to its last row
};

// One setting of a load test, kept up for a while: the test, or a step of its sweep.
struct LoadStep {
  // What was asked for. Of a closed loop: the calls in flight. Of an open loop: the calls a second,
  // and the most that were in flight.
  int concurrency = 1;
  std::optional<double> rate = {};

  // What came of it, the warm-up left out.
  double seconds = 0;
  uint64_t call_count = 0;   // answered
  uint64_t row_count = 0;    // in them
  uint64_t logit_bytes = 0;  // in them: sent, or read by the server from shared memory
  // Calls that failed, by the name of their code; NOT_SENT are those that were due and had no turn.
  std::map<std::string, uint64_t> errors = {};
  std::string first_error = {};  // the first of their messages
  uint64_t verified_count = 0;   // answers that were looked at again
  uint64_t wrong_count = 0;      // and were not the same

  // Of calls that were answered. From when a call was to start, by the schedule: a server that
  // stalls is seen in all calls that it kept waiting. And from when it was sent.
  LatencyHistogram latency = {};
  LatencyHistogram send_latency = {};
  std::vector<LoadInterval> intervals = {};

  std::optional<ServerTime> server = {};  // nothing if the server does not tell

  // Why the figures may be the generator's own limits and not the server's. One sentence each.
  std::vector<std::string> warnings = {};
};

struct LoadResult {
  std::string target;                           // as given to --server
  std::string server_version;                   // as GetServerInfo has it
  std::string instruction_set;                  // likewise
  std::map<std::string, std::string> settings;  // flag by flag, with the value in force
  std::vector<LoadStep> steps;                  // one, or those of a sweep in their order
  std::optional<size_t> best = {};  // of --find_max: the last step that met the objective
  std::string objective = {};       // as given to --slo
  std::string aborted = {};         // why the test ended early; empty if it did not
};

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_LOAD_RESULT_H_
