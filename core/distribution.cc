#include "core/distribution.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/elementary.h"

namespace boltzmann::core {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A log-sum-exp may be this much below that of the candidates, for it was rounded.
constexpr double kLogSumExpDoubt = 1e-4;

// The least of the keys of a row's tokens: that of the last one in the order.
RankKey LastKeyOf(const LogitRow& row) {
  float least = std::numeric_limits<float>::infinity();
  int32_t last = 0;
  float logits[kBlockSize];
  for (int32_t first = 0; first < row.vocab_size(); first += kBlockSize) {
    const int32_t count = std::min(kBlockSize, row.vocab_size() - first);
    row.LoadReceived(first, count, logits);
    for (int32_t i = 0; i < count; ++i) {
      if (logits[i] > least) continue;
      least = logits[i];
      last = first + i;
    }
  }
  return KeyOf(least, last);
}

}  // namespace

Distribution::Distribution(const Kernels& kernels, const RowRequest& request, RowScratch& scratch,
                           ParallelFor parallel_for, std::vector<StageReport>* reports)
    : kernels_(kernels),
      request_(request),
      scratch_(scratch),
      parallel_for_(parallel_for),
      received_(scratch.snapshot.Of(request.logits)),
      seen_(received_),
      edits_(Edit()),
      row_(Scan(kernels, seen_, PlanScan(*request.params, *request.outputs, request.vocab_size()),
                absl::MakeSpan(scratch.blocks), parallel_for)),
      ranking_(row_, scratch.ranking) {
  status_ = row_.status;
  if (status_ != RowStatus::kOk) return;
  if (row_.options.model_sums) log_model_total_ = LogPositive(row_.model_total);
  if (request.candidates) FindAbsent();
  set_ = RunStages({request, absent_, seen_, row_, ranking_}, reports);
  measured_ = set_.kept;
  log_kept_mass_ = LogPositive(set_.kept.mass);
  if (set_.exhausted) status_ = RowStatus::kCandidatesExhausted;
}

AbsentEdits Distribution::Edit() {
  if (request_.candidates) SortCandidates();
  scratch_.blocks.resize(BlockCount(size()));
  return ApplyEdits(*request_.params, request_.state, request_.vocab_size(), ids_, scratch_.edits,
                    seen_);
}

void Distribution::SortCandidates() {
  const absl::Span<const int32_t> ids = request_.candidates->token_ids;
  ids_ = ids;
  if (std::is_sorted(ids.begin(), ids.end())) return;
  const size_t count = ids.size();
  scratch_.candidate_logits.resize(2 * count);
  const auto logits = absl::MakeSpan(scratch_.candidate_logits);
  received_.LoadReceived(0, static_cast<int32_t>(count), logits.data() + count);
  scratch_.candidate_keys.resize(count);
  scratch_.candidate_ids.resize(count);
  for (size_t i = 0; i < count; ++i) {
    scratch_.candidate_keys[i] = static_cast<uint64_t>(ids[i]) << 32 | i;
  }
  scratch_.edits.sorter(scratch_.candidate_keys.data(), count, hwy::SortAscending());
  for (size_t i = 0; i < count; ++i) {
    scratch_.candidate_ids[i] = static_cast<int32_t>(scratch_.candidate_keys[i] >> 32);
    logits[i] = logits[count + static_cast<uint32_t>(scratch_.candidate_keys[i])];
  }
  ids_ = scratch_.candidate_ids;
  received_ = seen_ = LogitRow(logits.data(), DataType::kFloat32, static_cast<int32_t>(count));
}

void Distribution::FindAbsent() {
  absent_ = {.count = static_cast<double>(edits_.allowed_count),
             .before = LastKeyOf(received_),
             .raised = edits_.raised,
             .origin = row_.received_max,
             .touched = edits_.touched || seen_.IsMasked()};
  absent_.largest = LogitOf(absent_.before);
  const std::optional<double> log_sum_exp = request_.candidates->log_sum_exp;
  if (!log_sum_exp) return;
  log_model_total_ = *log_sum_exp - row_.received_max;
  const double mass = TallyExactly(AsReceived().row, kLastFinite, 1.0).mass;
  const double rest = Exp(log_model_total_) - mass;
  absent_.known = true;
  absent_.mass = std::max(0.0, rest);
  absent_.raised |= rest < -kLogSumExpDoubt * mass;
}

std::optional<int32_t> Distribution::IndexOf(int32_t id) const {
  if (!request_.candidates) return id;
  const auto found = std::lower_bound(ids_.begin(), ids_.end(), id);
  if (found == ids_.end() || *found != id) return std::nullopt;
  return static_cast<int32_t>(found - ids_.begin());
}

int32_t Distribution::TokenAt(double u) {
  std::optional<int32_t> token = core::TokenAt(row_, set_.cut, set_.temperature, measured_, u);
  if (!token) {
    ExactMass();
    token = core::TokenAt(row_, set_.cut, set_.temperature, measured_, u);
  }
  return *token;
}

double Distribution::ExactMass() {
  if (measured_.error > 0) measured_ = TallyExactly(row_, set_.cut, set_.temperature);
  return measured_.mass;
}

double Distribution::SampledLogprob(int32_t token) const {
  const double logit = seen_.At(token) + 0.0;  // -0 is 0
  if (KeyOf(logit, token) < set_.cut) return -kInfinity;
  return (logit - row_.max) / set_.temperature - log_kept_mass_;
}

double Distribution::ModelLogprob(int32_t token) const {
  return (double{received_.ReceivedAt(token)} - row_.received_max) - log_model_total_;
}

bool Distribution::IsAbove(int32_t token, double probability) {
  const double logit = seen_.At(token);
  if (KeyOf(logit, token) < set_.cut) return false;
  double weight = 0;
  kernels_.weigh(&logit, 1, row_.Scale(set_.temperature), &weight);
  const double bound = probability * measured_.mass;
  const bool close = std::abs(bound - weight) <= 2 * measured_.error * bound;
  return close ? probability * ExactMass() < weight : bound < weight;
}

void Distribution::BlockWeights(int block, double* weights) const {
  const int32_t first = block * kBlockSize;
  const int32_t count = std::min(kBlockSize, size() - first);
  double logits[kBlockSize];
  seen_.Load(first, count, logits);
  kernels_.weigh(logits, count, row_.Scale(set_.temperature), weights);
  for (int32_t i = 0; i < count; ++i) {
    if (KeyOf(logits[i], first + i) < set_.cut) weights[i] = 0;
  }
}

absl::Span<const RankKey> Distribution::TopSampled(int32_t count) {
  if (count == 0) return {};
  return ranking_.Top(std::min(count, KeptCount()));
}

double Distribution::ModelEntropyBits() {
  return EntropyBits(AsReceived().row, kLastFinite, 1.0, row_.model_total);
}

double Distribution::SampledEntropyBits() {
  return EntropyBits(row_, set_.cut, set_.temperature, set_.kept.mass);
}

double Distribution::KeptMass() {
  if (set_.greedy) return 1;
  const double kept = set_.kept.mass;
  const bool summed = row_.options.tempered_sums && row_.options.temperature == set_.temperature;
  if (!seen_.HasCeiling()) {
    const double all =
        summed ? row_.tempered_total : TallyExactly(row_, kLastFinite, set_.temperature).mass;
    return std::min(1.0, kept / all);
  }
  LogitRow whole = seen_;
  whole.CutAbove(Ceiling());
  received_row_.reset();  // its blocks are used here
  scratch_.other_blocks.resize(scratch_.blocks.size());
  ScannedRow row = Scan(kernels_, whole, {}, absl::MakeSpan(scratch_.other_blocks), parallel_for_);
  const double all = TallyExactly(row, kLastFinite, set_.temperature).mass;
  return std::min(1.0, kept / all * Exp((row_.max - row.max) / set_.temperature));
}

Distribution::Received Distribution::AsReceived() {
  if (!seen_.HasOverlay()) return {row_, ranking_};
  if (received_row_) return {*received_row_, *received_ranking_};
  const std::vector<Block>& blocks = scratch_.blocks;
  scratch_.other_blocks.resize(blocks.size());
  for (size_t i = 0; i < blocks.size(); ++i) {
    scratch_.other_blocks[i] = {.max = blocks[i].received_max,
                                .received_max = blocks[i].received_max};
  }
  received_row_.emplace(ScannedRow{.kernels = kernels_,
                                   .logits = received_,
                                   .options = {},
                                   .blocks = absl::MakeSpan(scratch_.other_blocks),
                                   .max = row_.received_max,
                                   .received_max = row_.received_max});
  received_ranking_.emplace(*received_row_, scratch_.received_ranking);
  return {*received_row_, *received_ranking_};
}

}  // namespace boltzmann::core
