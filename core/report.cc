#include "core/report.h"

#include <algorithm>
#include <utility>

#include "core/stages.h"

namespace boltzmann::core {
namespace {

// Naming more tokens than this, a row is sorted to rank them, not counted through.
constexpr size_t kCountedRanks = 16;

// Lists the first tokens of the order, as many as there are.
void List(absl::Span<const RankKey> keys, TokenTable& table) {
  const auto cut = [count = keys.size()](auto column) {
    return column.first(std::min(count, column.size()));
  };
  table = {cut(table.token_ids), cut(table.model_logprobs), cut(table.sampled_logprobs),
           cut(table.ranks)};
  for (size_t i = 0; i < table.token_ids.size(); ++i) table.token_ids[i] = TokenOf(keys[i]);
}

// Fills the columns of the tokens that a table lists by their index, and names them by their id.
void FillColumns(Distribution& distribution, TokenTable& table) {
  if (table.ranks.size() > kCountedRanks) distribution.ExpectRanks();
  for (size_t i = 0; i < table.token_ids.size(); ++i) {
    const int32_t token = table.token_ids[i];
    if (!table.model_logprobs.empty()) {
      table.model_logprobs[i] = static_cast<float>(distribution.ModelLogprob(token));
    }
    if (!table.sampled_logprobs.empty()) {
      table.sampled_logprobs[i] = static_cast<float>(distribution.SampledLogprob(token));
    }
    if (!table.ranks.empty()) table.ranks[i] = distribution.RankOf(token);
    table.token_ids[i] = distribution.IdOf(token);
  }
}

void ReportTables(const OutputOptions& outputs, Distribution& distribution, RowResult& result) {
  List(distribution.TopModel(static_cast<int32_t>(outputs.top_model_count)), result.top_model);
  List(distribution.TopSampled(static_cast<int32_t>(outputs.top_sampled_count)),
       result.top_sampled);
  for (size_t i = 0; i < outputs.named_token_ids.size(); ++i) {
    result.named.token_ids[i] = *distribution.IndexOf(outputs.named_token_ids[i]);
  }
  for (TokenTable* table : {&result.drawn, &result.top_model, &result.top_sampled, &result.named}) {
    FillColumns(distribution, *table);
  }
}

}  // namespace

void Report(const RowRequest& request, Distribution& distribution, RowResult& result) {
  const OutputOptions& outputs = *request.outputs;
  result.status = distribution.status();
  if (request.params->mirostat != 0) {
    const double logprob = distribution.SampledLogprob(result.drawn.token_ids[0]);
    result.mirostat_mu = NextMirostatMu(*request.params, request.state, logprob);
  }
  ReportTables(outputs, distribution, result);
  if (outputs.entropy) {
    result.model_entropy = static_cast<float>(distribution.ModelEntropyBits());
    result.sampled_entropy = static_cast<float>(distribution.SampledEntropyBits());
  }
  if (outputs.kept_stats) {
    result.kept_count = static_cast<uint32_t>(distribution.KeptCount());
    result.kept_mass = static_cast<float>(distribution.KeptMass());
  }
}

void ReportBad(RowStatus status, int32_t offending_token, RowResult& result) {
  RowResult bad;
  bad.status = status;
  bad.offending_token = offending_token;
  bad.drawn.token_ids = result.drawn.token_ids;
  std::fill(bad.drawn.token_ids.begin(), bad.drawn.token_ids.end(), -1);
  result = std::move(bad);
}

}  // namespace boltzmann::core
