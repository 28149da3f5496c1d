#include "core/scan.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/exp_log.h"

namespace boltzmann::core {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr double kLn2 = 0.693147180559945309417;

// Sums inside a block run in this many lanes, element i in lane i % kLanes.
constexpr int kLanes = 8;

// Blocks that one thread scans at a time: large enough to be worth handing out.
constexpr int kChunkBlocks = 32;

// The logits of a block; those past the end of the row are -infinity.
struct BlockLogits {
  float logit[kBlockSize];
  int32_t first_token;

  BlockLogits(const LogitRow& row, int block) : first_token(block * kBlockSize) {
    const int32_t count = std::min(kBlockSize, row.vocab_size() - first_token);
    row.Load(first_token, count, logit);
    std::fill(logit + count, logit + kBlockSize, -kInfinity);
  }
};

using BlockWeights = double[kBlockSize];

// exp((l - origin) / temperature) of each logit. REQUIRES: none is above origin, and
// origin is finite.
void ComputeWeights(const BlockLogits& x, float origin, double temperature, BlockWeights& weight) {
  if (temperature == 1.0) {
    for (int i = 0; i < kBlockSize; ++i) {
      weight[i] = ExpNonPositive(double{x.logit[i]} - origin);
    }
  } else {
    for (int i = 0; i < kBlockSize; ++i) {
      weight[i] = ExpNonPositive((double{x.logit[i]} - origin) / temperature);
    }
  }
}

// Drops the weights of the tokens below the cut. Returns how many are left.
int32_t DropBelow(RankKey cut, const BlockLogits& x, BlockWeights& weight) {
  int32_t kept = 0;
  for (int i = 0; i < kBlockSize; ++i) {
    const bool keep = KeyOf(x.logit[i], x.first_token + i) >= cut;
    weight[i] = keep ? weight[i] : 0.0;
    kept += keep;
  }
  return kept;
}

double Sum(const double (&value)[kBlockSize]) {
  double lane[kLanes] = {};
  for (int i = 0; i < kBlockSize; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) lane[j] += value[i + j];
  }
  return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

// The largest logit, or NaN if there is one.
float Max(const BlockLogits& x) {
  float lane[kLanes];
  std::fill(lane, lane + kLanes, -kInfinity);
  uint32_t nans = 0;
  for (int i = 0; i < kBlockSize; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) {
      lane[j] = x.logit[i + j] > lane[j] ? x.logit[i + j] : lane[j];
      nans += x.logit[i + j] != x.logit[i + j];
    }
  }
  return nans > 0 ? kNan : *std::max_element(lane, lane + kLanes);
}

int32_t CountAbove(const BlockLogits& x, float logit) {
  int32_t count = 0;
  for (int i = 0; i < kBlockSize; ++i) count += x.logit[i] > logit;
  return count;
}

Block ScanBlock(const LogitRow& row, int index, const ScanOptions& options) {
  const BlockLogits x(row, index);
  Block block = {.max = Max(x), .finite = CountAbove(x, -kInfinity)};
  if (!std::isfinite(block.max)) return block;
  BlockWeights weight;
  if (options.tempered_sums) {
    ComputeWeights(x, block.max, options.temperature, weight);
    block.tempered_sum = Sum(weight);
  }
  if (options.model_sums && options.tempered_sums && options.temperature == 1.0) {
    block.model_sum = block.tempered_sum;
  } else if (options.model_sums) {
    ComputeWeights(x, block.max, 1.0, weight);
    block.model_sum = Sum(weight);
  }
  return block;
}

template <typename Predicate>
int32_t FirstToken(const LogitRow& row, Predicate predicate) {
  int32_t token = 0;
  while (!predicate(row.At(token))) ++token;
  return token;
}

// Sets the status of the row, and its maximum.
void Judge(ScannedRow& row) {
  bool nan = false;
  row.max = -kInfinity;
  for (const Block& block : row.blocks) {
    nan |= std::isnan(block.max);
    row.max = std::max(row.max, block.max);  // a NaN never replaces what is there
    row.finite += block.finite;
  }
  if (nan) {
    row.status = RowStatus::kNanLogit;
    row.offending_token = FirstToken(row.logits, [](float l) { return std::isnan(l); });
  } else if (row.max == kInfinity) {
    row.status = RowStatus::kPositiveInfinity;
    row.offending_token = FirstToken(row.logits, [](float l) { return l == kInfinity; });
  } else if (row.max == -kInfinity) {
    row.status = RowStatus::kNoAllowedToken;
  }
}

// Puts the blocks' sums, each relative to its own maximum, on the row's.
double TemperedMass(const ScannedRow& row, const Block& block) {
  return block.tempered_sum * Weight(block.max, row.max, row.options.temperature);
}

void AddUp(ScannedRow& row) {
  for (const Block& block : row.blocks) {
    row.model_total += block.model_sum * Weight(block.max, row.max, 1.0);
    row.tempered_total += TemperedMass(row, block);
  }
}

// Whether a block can hold a token that is kept.
bool Reaches(const Block& block, RankKey cut) { return block.max >= LogitOf(cut); }

// The tally of all finite tokens, from the sums that the scan has.
Kept TallyAll(ScannedRow& row) {
  for (Block& block : row.blocks) block.kept_mass = TemperedMass(row, block);
  return {.count = row.finite, .mass = row.tempered_total};
}

// The first token of the block at which `before` plus the cumulative kept weight
// exceeds `target`, or the last one with any weight.
int32_t TokenInBlock(const ScannedRow& row, int index, RankKey cut, double temperature,
                     double before, double target) {
  const BlockLogits x(row.logits, index);
  BlockWeights weight;
  ComputeWeights(x, row.max, temperature, weight);
  DropBelow(cut, x, weight);
  int last = 0;
  for (int i = 0; i < kBlockSize; ++i) {
    before += weight[i];
    if (weight[i] > 0) last = i;
    if (before > target) break;
  }
  return x.first_token + last;
}

}  // namespace

double Weight(float logit, float max, double temperature) {
  return ExpNonPositive((double{logit} - max) / temperature);
}

ScannedRow Scan(const LogitRow& logits, const ScanOptions& options, absl::Span<Block> blocks,
                ParallelFor parallel_for) {
  ScannedRow row{.logits = logits, .options = options, .blocks = blocks};
  const int count = static_cast<int>(blocks.size());
  parallel_for((count + kChunkBlocks - 1) / kChunkBlocks, [&](int chunk) {
    const int end = std::min((chunk + 1) * kChunkBlocks, count);
    for (int i = chunk * kChunkBlocks; i < end; ++i) blocks[i] = ScanBlock(logits, i, options);
  });
  Judge(row);
  if (row.status == RowStatus::kOk) AddUp(row);
  return row;
}

Kept Tally(ScannedRow& row, RankKey cut, double temperature) {
  if (cut == kLastFinite && row.options.tempered_sums) return TallyAll(row);
  Kept kept;
  for (size_t i = 0; i < row.blocks.size(); ++i) {
    Block& block = row.blocks[i];
    block.kept_mass = 0;
    if (!Reaches(block, cut)) continue;
    const BlockLogits x(row.logits, static_cast<int>(i));
    BlockWeights weight;
    ComputeWeights(x, row.max, temperature, weight);
    kept.count += DropBelow(cut, x, weight);
    block.kept_mass = Sum(weight);
    kept.mass += block.kept_mass;
  }
  return kept;
}

RankKey LastKeyAtLeast(const ScannedRow& row, double least, double temperature) {
  float lowest = row.max;
  for (size_t i = 0; i < row.blocks.size(); ++i) {
    if (Weight(row.blocks[i].max, row.max, temperature) < least) continue;
    const BlockLogits x(row.logits, static_cast<int>(i));
    BlockWeights weight;
    ComputeWeights(x, row.max, temperature, weight);
    for (int j = 0; j < kBlockSize; ++j) {
      lowest = weight[j] >= least && x.logit[j] < lowest ? x.logit[j] : lowest;
    }
  }
  return KeyOf(lowest, std::numeric_limits<int32_t>::max());
}

int32_t TokenAt(const ScannedRow& row, RankKey cut, double temperature, const Kept& kept,
                double u) {
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
  return TokenInBlock(row, last, cut, temperature, last_before, target);
}

double EntropyBits(const ScannedRow& row, RankKey cut, double temperature, double mass) {
  double sum = 0;  // of weight * ln(weight)
  for (size_t i = 0; i < row.blocks.size(); ++i) {
    if (!Reaches(row.blocks[i], cut)) continue;
    const BlockLogits x(row.logits, static_cast<int>(i));
    BlockWeights term;
    ComputeWeights(x, row.max, temperature, term);
    DropBelow(cut, x, term);
    for (int j = 0; j < kBlockSize; ++j) {
      const double log_weight = (double{x.logit[j]} - row.max) / temperature;
      term[j] = term[j] > 0 ? term[j] * log_weight : 0.0;
    }
    sum += Sum(term);
  }
  return std::max(0.0, (LogPositive(mass) - sum / mass) / kLn2);
}

int32_t CountGreater(const ScannedRow& row, float logit) {
  int32_t count = 0;
  for (size_t i = 0; i < row.blocks.size(); ++i) {
    if (row.blocks[i].max <= logit) continue;
    count += CountAbove(BlockLogits(row.logits, static_cast<int>(i)), logit);
  }
  return count;
}

}  // namespace boltzmann::core
