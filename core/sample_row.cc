#include "core/sample_row.h"

#include "core/philox.h"
#include "core/report.h"

namespace boltzmann::core {
namespace {

void Answer(const Kernels& kernels, const RowRequest& request, RowScratch& scratch,
            ParallelFor parallel_for, RowResult& result) {
  Distribution distribution(kernels, request, scratch, parallel_for,
                            request.outputs->stages ? &result.stages : nullptr);
  if (!IsAnswered(distribution.status())) {
    return ReportBad(distribution.status(), distribution.offending_token(), result);
  }
  const RowState& state = request.state;
  if (request.scored_token) {
    result.drawn.token_ids[0] = *distribution.IndexOf(*request.scored_token);
  } else {
    for (uint32_t i = 0; i < state.draw_count; ++i) {
      const double u = Uniform(state.seed, state.position, i, RandomDomain::kDraw);
      result.drawn.token_ids[i] = distribution.TokenAt(u);
    }
  }
  Report(request, distribution, result);
}

}  // namespace

void SampleRow(const Kernels& kernels, const RowRequest& request, RowScratch& scratch,
               ParallelFor parallel_for, RowResult& result) {
  try {
    Answer(kernels, request, scratch, parallel_for, result);
  } catch (const LogitsChanged&) {
    ReportBad(RowStatus::kLogitsChanged, -1, result);
  }
}

}  // namespace boltzmann::core
