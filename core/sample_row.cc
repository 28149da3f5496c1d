#include "core/sample_row.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "core/filters.h"
#include "core/log.h"
#include "core/philox.h"

namespace boltzmann::core {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

// Naming more tokens than this, a row is sorted to rank them, not counted through.
constexpr size_t kCountedRanks = 16;

// Above this, every weight of a finite logit is 1 to the last bit.
constexpr double kFlatTemperature = 1e200;

// A greedy row is computed at temperature 1: only its first token is kept, so that any
// temperature gives the same weights.
double EffectiveTemperature(const SamplingParams& params) {
  return params.IsGreedy() ? 1.0 : std::min(params.temperature, kFlatTemperature);
}

ScanOptions PlanScan(const RowRequest& request) {
  const double temperature = EffectiveTemperature(*request.params);
  const bool measures_all = MeasuresAll(*request.params, request.logits.vocab_size());
  return {.temperature = temperature,
          .model_sums = request.outputs->model_logprobs || request.outputs->entropy,
          .tempered_sums =
              (measures_all || request.outputs->kept_stats) && temperature <= kMaxScanTemperature};
}

// The two distributions of a row whose filters have run.
struct Distribution {
  ScannedRow& row;
  RankKey cut;
  double temperature;
  Kept kept;
  double log_model_total;  // of exp(l - max) as received, natural log
  double log_kept_mass;    // of exp((l - max) / temperature) over kept tokens

  float ModelLogprob(float received) const {
    return static_cast<float>((double{received} - row.received_max) - log_model_total);
  }
  float SampledLogprob(RankKey key) const {
    if (key < cut) return kMinusInfinity;
    return static_cast<float>((double{LogitOf(key)} - row.max) / temperature - log_kept_mass);
  }
};

Distribution Filter(const SamplingParams& params, ScannedRow& row, Ranking& ranking) {
  const double temperature = EffectiveTemperature(params);
  const KeptSet set = ApplyFilters(params, temperature, row, ranking);
  return {.row = row,
          .cut = set.cut,
          .temperature = temperature,
          .kept = set.kept,
          .log_model_total = row.options.model_sums ? LogPositive(row.model_total) : 0,
          .log_kept_mass = LogPositive(set.kept.mass)};
}

void Draw(const Distribution& distribution, const RowState& state, TokenTable& drawn) {
  const auto& [row, cut, temperature, measured, log_model_total, log_kept_mass] = distribution;
  Kept kept = measured;
  for (uint32_t i = 0; i < state.draw_count; ++i) {
    const double u = Uniform(state.seed, state.position, i, RandomDomain::kDraw);
    std::optional<int32_t> token = TokenAt(row, cut, temperature, kept, u);
    if (!token) {
      kept = TallyExactly(row, cut, temperature);
      token = TokenAt(row, cut, temperature, kept, u);
    }
    drawn.token_ids[i] = *token;
  }
}

// Lists the first tokens of the order.
void List(absl::Span<const RankKey> keys, TokenTable& table) {
  for (size_t i = 0; i < keys.size(); ++i) table.token_ids[i] = TokenOf(keys[i]);
}

TokenTable First(const TokenTable& table, size_t count) {
  const auto cut = [count](auto column) { return column.first(std::min(count, column.size())); };
  return {cut(table.token_ids), cut(table.model_logprobs), cut(table.sampled_logprobs),
          cut(table.ranks)};
}

// Fills the columns of the tokens that a table lists.
void FillColumns(const Distribution& distribution, Ranking& ranking, TokenTable& table) {
  if (table.ranks.size() > kCountedRanks) ranking.Top(distribution.row.logits.vocab_size());
  for (size_t i = 0; i < table.token_ids.size(); ++i) {
    const int32_t token = table.token_ids[i];
    const float logit = distribution.row.logits.At(token);
    if (!table.model_logprobs.empty()) {
      const float received = distribution.row.logits.ReceivedAt(token);
      table.model_logprobs[i] = distribution.ModelLogprob(received);
    }
    if (!table.sampled_logprobs.empty()) {
      table.sampled_logprobs[i] = distribution.SampledLogprob(KeyOf(logit, token));
    }
    if (!table.ranks.empty()) table.ranks[i] = ranking.RankOf(logit);
  }
}

void ReportTables(const RowRequest& request, const Distribution& distribution, Ranking& ranking,
                  RowResult& result) {
  const OutputOptions& outputs = *request.outputs;
  if (outputs.top_sampled_count > 0) {
    const auto kept = static_cast<size_t>(Count(distribution.row, distribution.cut));
    result.top_sampled = First(result.top_sampled, kept);
  }
  List(ranking.Top(static_cast<int32_t>(result.top_model.token_ids.size())), result.top_model);
  List(ranking.Top(static_cast<int32_t>(result.top_sampled.token_ids.size())), result.top_sampled);
  std::copy(outputs.named_token_ids.begin(), outputs.named_token_ids.end(),
            result.named.token_ids.begin());
  for (TokenTable* table : {&result.drawn, &result.top_model, &result.top_sampled, &result.named}) {
    FillColumns(distribution, ranking, *table);
  }
}

void ReportFigures(const RowRequest& request, const Distribution& distribution, RowResult& result) {
  ScannedRow& row = distribution.row;
  if (request.outputs->entropy) {
    result.model_entropy = static_cast<float>(EntropyBits(row, kLastFinite, 1.0, row.model_total));
    result.sampled_entropy = static_cast<float>(
        EntropyBits(row, distribution.cut, distribution.temperature, distribution.kept.mass));
  }
  if (request.outputs->kept_stats) {
    result.kept_count = static_cast<uint32_t>(Count(row, distribution.cut));
    // At temperature 0 the first token has all the mass.
    const double all = request.params->IsGreedy()
                           ? distribution.kept.mass
                           : Tally(row, kLastFinite, distribution.temperature).mass;
    result.kept_mass = static_cast<float>(std::min(1.0, distribution.kept.mass / all));
  }
}

void ReportBadRow(const ScannedRow& row, RowResult& result) {
  result.status = row.status;
  result.offending_token = row.offending_token;
  std::fill(result.drawn.token_ids.begin(), result.drawn.token_ids.end(), -1);
  result.drawn = {result.drawn.token_ids, {}, {}, {}};
  result.top_model = result.top_sampled = result.named = {};
}

}  // namespace

void SampleRow(const Kernels& kernels, const RowRequest& request, RowScratch& scratch,
               ParallelFor parallel_for, RowResult& result) {
  scratch.blocks.resize(BlockCount(request.logits.vocab_size()));
  ScannedRow row = Scan(kernels, request.logits, PlanScan(request), absl::MakeSpan(scratch.blocks),
                        parallel_for);
  if (row.status != RowStatus::kOk) return ReportBadRow(row, result);
  Ranking ranking(row, scratch.ranking);
  const Distribution distribution = Filter(*request.params, row, ranking);
  Draw(distribution, request.state, result.drawn);
  ReportTables(request, distribution, ranking, result);
  ReportFigures(request, distribution, result);
}

}  // namespace boltzmann::core
