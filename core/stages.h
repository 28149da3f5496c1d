// The stages that narrow a row's distribution down, in the order that its parameters give.
#ifndef BOLTZMANN_CORE_STAGES_H_
#define BOLTZMANN_CORE_STAGES_H_

#include <cstdint>
#include <vector>

#include "core/absent.h"
#include "core/batch.h"
#include "core/ranking.h"
#include "core/scan.h"

namespace boltzmann::core {

// What the stages left: the tokens with key >= cut that the row's ceiling keeps, weighed at
// `temperature`.
struct KeptSet {
  RankKey cut = kLastFinite;
  Kept kept;  // the blocks' kept_mass is its parts
  double temperature = 1;
  bool greedy = false;     // the temperature left one token
  bool exhausted = false;  // a sparse row's answer could differ from the full row's
};

// What a scan should sum so that the stages need not read the row again.
ScanOptions PlanScan(const SamplingParams& params, const OutputOptions& outputs,
                     int32_t vocab_size);

// A row that stages run on.
struct StagedRow {
  const RowRequest& request;
  const Absent& absent;  // nothing if the row is not sparse
  LogitRow& seen;        // what `row` was scanned from; gets a ceiling from some stages
  ScannedRow& row;
  Ranking& ranking;
};

// Runs the stages. Appends to `reports`, if it is not null, what each left, beginning with the
// edits if the row has any. REQUIRES: row.status is kOk; the request is valid.
KeptSet RunStages(const StagedRow& staged, std::vector<StageReport>* reports);

// Mirostat's next state, after a token of this log-prob was drawn.
double NextMirostatMu(const SamplingParams& params, const RowState& state, double logprob);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_STAGES_H_
