#include "core/scan.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/elementary.h"
#include "core/snapshot.h"

namespace boltzmann::core {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Blocks that one thread scans at a time: large enough to be worth handing out.
constexpr int kChunkBlocks = 32;

// The first token whose logit fulfils what the maximum of its block does.
template <typename Predicate>
int32_t FirstReceived(const ScannedRow& row, Predicate predicate) {
  int32_t block = 0;
  while (!predicate(row.blocks[block].received_max)) ++block;
  int32_t token = block * kBlockSize;
  while (!predicate(row.logits.ReceivedAt(token))) ++token;
  return token;
}

// Sets the status of the row, and its maxima.
void Judge(ScannedRow& row) {
  bool nan = false;
  row.max = -kInfinity;
  row.received_max = -std::numeric_limits<float>::infinity();
  for (const Block& block : row.blocks) {
    nan |= std::isnan(block.received_max);
    row.received_max = std::max(row.received_max, block.received_max);  // never a NaN
    row.max = std::max(row.max, block.max);
  }
  if (nan) {
    row.status = RowStatus::kNanLogit;
    row.offending_token = FirstReceived(row, [](float l) { return std::isnan(l); });
  } else if (row.received_max == kInfinity) {
    row.status = RowStatus::kPositiveInfinity;
    row.offending_token = FirstReceived(row, [](float l) { return l == kInfinity; });
  } else if (row.max == -kInfinity) {
    row.status = RowStatus::kNoAllowedToken;
  }
}

// Weights are computed this many at a time.
constexpr size_t kBatch = 64;

// The sum of visit(block, weight of its maximum) over the blocks, in order.
template <typename Maximum, typename Visit>
double SumWeighed(const ScannedRow& row, const WeightScale& scale, Maximum maximum, Visit visit) {
  double maxima[kBatch];
  double weights[kBatch];
  double sum = 0;
  for (size_t first = 0; first < row.blocks.size(); first += kBatch) {
    const size_t count = std::min(kBatch, row.blocks.size() - first);
    for (size_t i = 0; i < count; ++i) maxima[i] = row.blocks[first + i].*maximum;
    row.kernels.weigh(maxima, static_cast<int>(count), scale, weights);
    for (size_t i = 0; i < count; ++i) sum += visit(row.blocks[first + i], weights[i]);
  }
  return sum;
}

// The sum of visit(edit, weight) over the edited tokens, in order; `logit` says of what.
template <typename Logit, typename Visit>
double SumEdits(const ScannedRow& row, const WeightScale& scale, Logit logit, Visit visit) {
  const absl::Span<const LogitEdit> edits = row.logits.Edits();
  double logits[kBatch];
  double weights[kBatch];
  double sum = 0;
  for (size_t first = 0; first < edits.size(); first += kBatch) {
    const size_t count = std::min(kBatch, edits.size() - first);
    for (size_t i = 0; i < count; ++i) logits[i] = edits[first + i].*logit;
    row.kernels.weigh(logits, static_cast<int>(count), scale, weights);
    for (size_t i = 0; i < count; ++i) sum += visit(edits[first + i], weights[i]);
  }
  return sum;
}

Block& BlockOf(ScannedRow& row, const LogitEdit& edit) {
  return row.blocks[edit.token_id / kBlockSize];
}

void AddUpTempered(ScannedRow& row) {
  const WeightScale scale = row.Scale(row.options.temperature);
  row.tempered_total = SumWeighed(row, scale, &Block::float_max, [](Block& b, double weight) {
    return b.kept_mass = b.tempered_sum * weight;
  });
  row.tempered_total +=
      SumEdits(row, scale, &LogitEdit::logit, [&row](const LogitEdit& edit, double weight) {
        const bool hidden =
            edit.logit == -kInfinity || !row.logits.ceiling().Keeps(edit.logit, edit.token_id);
        if (hidden) return 0.0;
        BlockOf(row, edit).kept_mass += weight;
        return weight;
      });
  row.scan_masses = true;
}

void AddUpModel(ScannedRow& row) {
  const WeightScale scale = {row.received_max, 1.0};
  row.model_total = SumWeighed(row, scale, &Block::model_max,
                               [](const Block& b, double weight) { return b.model_sum * weight; });
  row.model_total +=
      SumEdits(row, scale, &LogitEdit::received, [&row](const LogitEdit& edit, double weight) {
        return BlockOf(row, edit).model_whole ? 0.0 : weight;
      });
}

// Puts the sums, each relative to its block's maximum, on the row's, and adds them up.
void AddUp(ScannedRow& row) {
  const ScanOptions& options = row.options;
  if (options.tempered_sums) AddUpTempered(row);
  if (!options.model_sums) return;
  const bool same = options.tempered_sums && options.temperature == 1.0;
  if (same && !row.logits.HasOverlay()) {
    row.model_total = row.tempered_total;
  } else {
    AddUpModel(row);
  }
}

// Where a uniform number falls.
struct Fall {
  int32_t token;
  double before, after;  // the cumulative mass on both sides of it
};

// The first token of the block at which `before` plus the cumulative kept weight
// exceeds `target`, or the last that is kept.
Fall FallInBlock(const ScannedRow& row, int index, RankKey cut, double temperature, double before,
                 double target) {
  const int32_t first = index * kBlockSize;
  const int32_t count = std::min(kBlockSize, row.logits.vocab_size() - first);
  double logits[kBlockSize];
  double weights[kBlockSize];
  row.logits.Load(first, count, logits);
  row.kernels.weigh(logits, count, row.Scale(temperature), weights);
  Fall fall = {.token = -1, .before = before, .after = before};
  for (int32_t i = 0; i < count && fall.after <= target; ++i) {
    if (KeyOf(logits[i], first + i) < cut) continue;
    fall = {.token = first + i, .before = fall.after, .after = fall.after + weights[i]};
  }
  return fall;
}

}  // namespace

ScannedRow Scan(const Kernels& kernels, const LogitRow& logits, const ScanOptions& options,
                absl::Span<Block> blocks, ParallelFor parallel_for) {
  ScannedRow row{.kernels = kernels, .logits = logits, .options = options, .blocks = blocks};
  const int count = static_cast<int>(blocks.size());
  Snapshot* const snapshot = logits.snapshot();
  std::optional<LogitRow> in_place;
  if (snapshot != nullptr) in_place = snapshot->BeginScan(logits);
  const LogitRow& scanned = in_place ? *in_place : logits;
  parallel_for((count + kChunkBlocks - 1) / kChunkBlocks, [&](int chunk) {
    const int first = chunk * kChunkBlocks;
    kernels.scan(scanned, options, first, blocks.subspan(first, kChunkBlocks));
  });
  if (snapshot != nullptr) snapshot->EndScan(kernels, logits, options, blocks);
  Judge(row);
  if (row.status == RowStatus::kOk) AddUp(row);
  return row;
}

void ApplyCeiling(ScannedRow& row) {
  const ScanOptions tempered = {.temperature = row.options.temperature,
                                .tempered_sums = row.options.tempered_sums};
  row.max = -kInfinity;
  for (size_t i = 0; i < row.blocks.size(); ++i) {
    if (row.blocks[i].max >= row.logits.ceiling().logit) {
      row.kernels.scan(row.logits, tempered, static_cast<int>(i), row.blocks.subspan(i, 1));
    }
    row.max = std::max(row.max, row.blocks[i].max);
  }
  if (row.options.tempered_sums) AddUpTempered(row);
}

void SumAt(ScannedRow& row, double temperature) {
  row.options.temperature = temperature;
  row.options.tempered_sums = true;
  const ScanOptions tempered = {.temperature = temperature, .tempered_sums = true};
  row.kernels.scan(row.logits, tempered, 0, row.blocks);
  AddUpTempered(row);
}

Kept Tally(ScannedRow& row, RankKey cut, double temperature) {
  const bool summed = row.options.tempered_sums && row.options.temperature == temperature;
  if (cut != kLastFinite || !summed) return TallyExactly(row, cut, temperature);
  if (!row.scan_masses) AddUpTempered(row);
  return {.mass = row.tempered_total, .error = kScanError};
}

Kept TallyExactly(ScannedRow& row, RankKey cut, double temperature) {
  row.scan_masses = false;
  return {.mass = row.kernels.tally(row.logits, row.Scale(temperature), cut, row.blocks)};
}

Kept TallyKeys(ScannedRow& row, absl::Span<const RankKey> keys, double temperature) {
  Kept kept;
  row.scan_masses = false;
  for (Block& block : row.blocks) block.kept_mass = 0;
  for (size_t first = 0; first < keys.size(); first += kBatch) {
    double logits[kBatch];
    double weights[kBatch];
    const size_t count = std::min(kBatch, keys.size() - first);
    for (size_t i = 0; i < count; ++i) logits[i] = LogitOf(keys[first + i]);
    row.kernels.weigh(logits, static_cast<int>(count), row.Scale(temperature), weights);
    for (size_t i = 0; i < count; ++i) {
      row.blocks[TokenOf(keys[first + i]) / kBlockSize].kept_mass += weights[i];
      kept.mass += weights[i];
    }
  }
  return kept;
}

RankKey LastKeyAtLeast(const ScannedRow& row, double least, double temperature) {
  // Weights below this are no longer told apart by the kernels, but by the exponential.
  constexpr double kLeastWeight = 0x1p-1010;
  // Weights rise with logits: bisect.
  uint64_t reaches = OrderedBits(row.max);
  uint64_t fails = OrderedBits(-kInfinity);
  while (reaches - fails > 1) {
    const uint64_t middle = fails + (reaches - fails) / 2;
    const double logit = FromOrderedBits(middle);
    double weight = 0;
    if (least < kLeastWeight) {
      weight = Exp((logit - row.max) / temperature);
    } else {
      row.kernels.weigh(&logit, 1, row.Scale(temperature), &weight);
    }
    (weight >= least ? reaches : fails) = middle;
  }
  return LastKeyAt(FromOrderedBits(reaches));
}

std::optional<int32_t> TokenAt(const ScannedRow& row, RankKey cut, double temperature,
                               const Kept& kept, double u) {
  const double target = u * kept.mass;
  double before = 0;
  double last_before = 0;
  int last = -1;
  for (size_t i = 0; i < row.blocks.size(); ++i) {
    if (row.blocks[i].kept_mass == 0) continue;
    last = static_cast<int>(i);
    last_before = before;
    before += row.blocks[i].kept_mass;
    if (before > target) break;
  }
  const Fall fall = FallInBlock(row, last, cut, temperature, last_before, target);
  // Both the target and what lies before the token may be off by the error of the sums.
  const double doubt = 2 * kept.error * target;
  const bool clear = target - fall.before >= doubt && fall.after - target > doubt;
  if (kept.error > 0 && !clear) return std::nullopt;
  return fall.token;
}

MassAndLogs TallyLogs(ScannedRow& row, RankKey cut, double temperature) {
  row.scan_masses = false;
  return row.kernels.tally_logs(row.logits, row.Scale(temperature), cut, row.blocks);
}

double EntropyBits(ScannedRow& row, RankKey cut, double temperature, double mass) {
  const double sum = TallyLogs(row, cut, temperature).logs;
  return std::max(0.0, (LogPositive(mass) - sum / mass) / kLn2);
}

int32_t Count(const ScannedRow& row, RankKey cut) {
  return row.kernels.count(row.logits, cut, row.blocks);
}

}  // namespace boltzmann::core
