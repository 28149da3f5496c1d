// Fills a row's result from the distribution that it is drawn from.
#ifndef BOLTZMANN_CORE_REPORT_H_
#define BOLTZMANN_CORE_REPORT_H_

#include "core/batch.h"
#include "core/distribution.h"

namespace boltzmann::core {

// What the row's request asks for, about the tokens already in result.drawn and about the row.
// REQUIRES: the distribution has an answer; drawn tokens are named by their index.
void Report(const RowRequest& request, Distribution& distribution, RowResult& result);

// That a row has no answer, and why. What was reported of it before is forgotten.
void ReportBad(RowStatus status, int32_t offending_token, RowResult& result);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_REPORT_H_
