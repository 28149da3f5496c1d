#include "core/selection.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "absl/types/span.h"

namespace boltzmann::core {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A sample takes runs of this many neighbours, one from a block; and at most this many logits.
constexpr int32_t kRun = 16;
constexpr int32_t kMaxSample = 1 << 12;

// How far from where the sample has the edge it is looked for, in standard deviations.
constexpr double kDeviations = 2;

// As few are ranked without narrowing down further.
constexpr int32_t kFewTokens = kMaxCandidates / 16;

// After as many brackets that missed, the sample has not seen what matters: halve.
constexpr int kMaxGuesses = 4;

// Weights are computed this many at a time.
constexpr size_t kBatch = 256;

// Fewer keys than this are sorted faster without the library.
constexpr size_t kLibrarySort = 256;

// Where an edge is known to lie: what is above `high` is kept, what is below `low` is not.
struct Interval {
  double low;
  double high;
  double above = 0;          // the measure of what is above `high`
  int32_t tokens_above = 0;  // how many that are
  int32_t tokens_in = 0;     // at most
};

// The next logit in either direction.
double NextAbove(double logit) { return FromOrderedBits(OrderedBits(logit) + 1); }
double NextBelow(double logit) { return FromOrderedBits(OrderedBits(logit) - 1); }

// What a selection measures a prefix of the order by: its size.
class SizeMeasure {
 public:
  SizeMeasure(int32_t count, const LogitRow& row)
      : count_(count),
        all_(row.vocab_size()),
        cut_(row.HasOverlay() ? kLastFinite : LastKeyAt(-kInfinity)) {}

  RankKey cut() const { return cut_; }
  bool Keeps(double before) const { return before < count_; }
  // Where in an interval the edge is expected.
  double ShareOf(const Interval& interval, double below) const {
    return (count_ - interval.above) / (all_ - below - interval.above);
  }
  Zones Measure(const Interval&, const Gathered& gathered) {
    return {.all = all_,
            .lower = static_cast<double>(gathered.above) + gathered.count,
            .upper = static_cast<double>(gathered.above)};
  }
  void Weigh(const double*, int count, double* weights) const { std::fill_n(weights, count, 1.0); }
  void Keep(RankKey, double) {}

 private:
  double count_;
  double all_;
  RankKey cut_;
};

// By its mass.
class MassMeasure {
 public:
  MassMeasure(ScannedRow& row, RankKey cut, double temperature, double top_p, double absent_mass)
      : row_(row),
        cut_(cut),
        scale_(row.Scale(temperature)),
        top_p_(top_p),
        absent_mass_(absent_mass) {}

  RankKey cut() const { return cut_; }
  bool Keeps(double before) const {
    // A division takes long, and is needed next to the edge only.
    if (before < (1 - 1e-9) * top_p_ * mass_) return true;
    return before / mass_ < top_p_;
  }
  double ShareOf(const Interval& interval, double below) const {
    // The mass is not known before it was measured, but then nothing else is either.
    if (mass_ == 0) return top_p_;
    return (top_p_ * mass_ - interval.above) / (mass_ - below - interval.above);
  }
  Zones Measure(const Interval& interval, const Gathered&) {
    const Zones zones = row_.kernels.tally_zones(row_.logits, scale_, cut_, interval.low,
                                                 interval.high, row_.blocks);
    row_.scan_masses = false;
    mass_ = zones.all + absent_mass_;
    return zones;
  }
  void Weigh(const double* logits, int count, double* weights) const {
    row_.kernels.weigh(logits, count, scale_, weights);
  }
  void Keep(RankKey key, double weight) {
    row_.blocks[TokenOf(key) / kBlockSize].kept_mass += weight;
  }

 private:
  ScannedRow& row_;
  RankKey cut_;
  WeightScale scale_;
  double top_p_;
  double absent_mass_;
  double mass_ = 0;
};

// Where the prefix that a measure keeps ends.
struct Edge {
  RankKey last_kept;
  double kept;  // its measure
};

template <typename Measure>
class Selection {
 public:
  Selection(const ScannedRow& row, Measure& measure, SelectionScratch& scratch)
      : row_(row), measure_(measure), scratch_(scratch) {
    interval_ = {
        .low = LogitOf(measure.cut()), .high = row.max, .tokens_in = row.logits.vocab_size()};
    scratch_.candidates.resize(kMaxCandidates);
  }

  // Narrows the interval until what is in it can be ranked.
  Edge Find() {
    const double lowest = interval_.low;
    double below = 0;  // the measure of what is below the interval
    for (int round = 0;; ++round) {
      const Interval bracket = Bracket(round, below);
      const Gathered gathered = Gather(bracket);
      const Zones zones = measure_.Measure(bracket, gathered);
      if (!measure_.Keeps(zones.upper)) {
        interval_.low = NextAbove(bracket.high);
        interval_.tokens_in = gathered.above - interval_.tokens_above;
        below = zones.all - zones.upper;
        continue;
      }
      if (measure_.Keeps(zones.lower)) {
        if (bracket.low == lowest) return {measure_.cut(), zones.all};
        const int32_t dropped = gathered.above + gathered.count - interval_.tokens_above;
        interval_.high = NextBelow(bracket.low);
        interval_.above = zones.lower;
        interval_.tokens_above += dropped;
        interval_.tokens_in -= dropped;
        continue;
      }
      interval_ = {bracket.low, bracket.high, zones.upper, gathered.above, gathered.count};
      below = zones.all - zones.lower;
      if (gathered.count <= kMaxCandidates) return Walk(gathered.count);
      if (bracket.low == bracket.high) return WalkTies(gathered);
    }
  }

 private:
  Gathered Gather(const Interval& bracket) {
    const RankKey low = std::max(measure_.cut(), LastKeyAt(bracket.low));
    return row_.kernels.gather(row_.logits, low, bracket.high, row_.blocks,
                               scratch_.candidates.data(), kMaxCandidates);
  }

  // Takes logits in the interval from all over the row, in descending order: floats only.
  void Sample(int round) {
    std::vector<uint32_t>& sample = scratch_.sample;
    sample.clear();
    const auto blocks = static_cast<int32_t>(row_.blocks.size());
    const int32_t step = (blocks * kRun + kMaxSample - 1) / kMaxSample;
    for (int32_t block = round % step; block < blocks; block += step) {
      if (row_.blocks[block].max < interval_.low) continue;
      const int32_t first = block * kBlockSize + round * kRun % kBlockSize;
      double run[kRun];
      const int32_t count = std::clamp(row_.logits.vocab_size() - first, 0, kRun);
      row_.logits.Load(first, count, run);
      for (int32_t i = 0; i < count; ++i) {
        const auto logit = static_cast<float>(run[i]);
        const bool in = run[i] >= interval_.low && run[i] <= interval_.high;
        if (in && logit == run[i]) sample.push_back(SortableBits(logit));
      }
    }
    scratch_.sorter(sample.data(), sample.size(), hwy::SortDescending());
    scratch_.sample_weights.resize(sample.size());
    for (size_t begin = 0; begin < sample.size(); begin += kBatch) {
      double logits[kBatch];
      const size_t count = std::min(kBatch, sample.size() - begin);
      for (size_t i = 0; i < count; ++i) logits[i] = FromSortableBits(sample[begin + i]);
      measure_.Weigh(logits, static_cast<int>(count), &scratch_.sample_weights[begin]);
    }
  }

  // A part of the interval that should hold the edge.
  Interval Bracket(int round, double below) {
    if (interval_.tokens_in <= kFewTokens) return interval_;
    Sample(round);
    if (scratch_.sample.empty()) return Halve();
    if (round >= kMaxGuesses) {
      const double middle = FromSortableBits(scratch_.sample[scratch_.sample.size() / 2]);
      return {.low = middle, .high = middle};
    }
    double sum = 0;
    double squares = 0;
    for (double weight : scratch_.sample_weights) {
      sum += weight;
      squares += weight * weight;
    }
    const double share = std::clamp(measure_.ShareOf(interval_, below), 0.0, 1.0);
    const double independent = sum * sum / squares;
    const double doubt =
        kDeviations * std::sqrt(share * (1 - share) / independent) + 1 / independent;
    Interval bracket = {.low = SampleAt((share + doubt) * sum, interval_.low),
                        .high = SampleAt((share - doubt) * sum, interval_.high)};
    const bool starts = share - doubt <= 0;
    if (starts) bracket.high = interval_.high;
    bracket.low = std::max(
        bracket.low, SampleAfter(bracket.high, starts ? kMaxCandidates / 8 : kMaxCandidates / 2));
    const bool whole = bracket.low == interval_.low && bracket.high == interval_.high;
    // A bracket that was too large once is so again.
    if (whole && round > 0) bracket.low = bracket.high = SampleAt(share * sum, interval_.low);
    return bracket;
  }

  // The logit at which the sample has this measure, or `otherwise` if it has less.
  double SampleAt(double measure, double otherwise) const {
    double before = 0;
    for (size_t i = 0; i < scratch_.sample.size(); ++i) {
      before += scratch_.sample_weights[i];
      if (before >= measure) return FromSortableBits(scratch_.sample[i]);
    }
    return otherwise;
  }

  // The logit that about `tokens` of those from `high` on reach. What a sample hardly knows
  // is the top of a steep distribution, where few tokens make a lot of mass.
  double SampleAfter(double high, int32_t tokens) const {
    const std::vector<uint32_t>& sample = scratch_.sample;
    const auto first = std::partition_point(sample.begin(), sample.end(), [high](uint32_t bits) {
      return FromSortableBits(bits) > high;
    });
    const double each = interval_.tokens_in / static_cast<double>(sample.size());
    const auto last = static_cast<double>(first - sample.begin()) + tokens / each;
    if (last >= static_cast<double>(sample.size())) return interval_.low;
    return FromSortableBits(sample[static_cast<size_t>(last)]);
  }

  // The whole interval if it can be ranked, else one logit of those in it.
  Interval Halve() {
    if (Gather(interval_).count <= kMaxCandidates) return interval_;
    const double middle = LogitOf(scratch_.candidates[kMaxCandidates / 2]);
    return {.low = middle, .high = middle};
  }

  // Ranks the candidates, and walks them from what is above the interval.
  Edge Walk(int32_t count) {
    const absl::Span<RankKey> keys = absl::MakeSpan(scratch_.candidates).first(count);
    scratch_.Sort(keys);
    Edge edge = {.last_kept = keys[0], .kept = interval_.above};
    for (size_t first = 0; first < keys.size(); first += kBatch) {
      const size_t batch = std::min(kBatch, keys.size() - first);
      double logits[kBatch];
      double weights[kBatch];
      for (size_t i = 0; i < batch; ++i) logits[i] = LogitOf(keys[first + i]);
      measure_.Weigh(logits, static_cast<int>(batch), weights);
      for (size_t i = 0; i < batch; ++i) {
        if (!measure_.Keeps(edge.kept)) return edge;
        measure_.Keep(keys[first + i], weights[i]);
        edge = {keys[first + i], edge.kept + weights[i]};
      }
    }
    return edge;
  }

  // All tokens in the interval have one logit: the edge lies where their ids say.
  Edge WalkTies(const Gathered& gathered) {
    const double logit = interval_.low;
    double weight = 0;
    measure_.Weigh(&logit, 1, &weight);
    int32_t kept = 1;  // of the ties
    for (int32_t beyond = gathered.count; beyond - kept > 0;) {
      const int32_t middle = kept + (beyond - kept) / 2;
      if (measure_.Keeps(interval_.above + middle * weight)) {
        kept = middle + 1;
      } else {
        beyond = middle;
      }
    }
    int32_t id = 0;
    for (int32_t last = row_.logits.vocab_size() - 1; last > id;) {
      const int32_t middle = id + (last - id) / 2;
      if (Count(row_, KeyOf(logit, middle)) - gathered.above >= kept) {
        last = middle;
      } else {
        id = middle + 1;
      }
    }
    return {KeyOf(logit, id), -1};
  }

  const ScannedRow& row_;
  Measure& measure_;
  SelectionScratch& scratch_;
  Interval interval_;
};

}  // namespace

RankKey KthKey(const ScannedRow& row, int32_t count, SelectionScratch& scratch) {
  SizeMeasure measure(count, row.logits);
  return Selection(row, measure, scratch).Find().last_kept;
}

Nucleus FindNucleus(ScannedRow& row, RankKey cut, double temperature, double top_p,
                    double absent_mass, SelectionScratch& scratch) {
  MassMeasure measure(row, cut, temperature, top_p, absent_mass);
  const Edge edge = Selection(row, measure, scratch).Find();
  const bool measured = edge.last_kept != cut && edge.kept >= 0;
  if (measured) return {edge.last_kept, {.mass = edge.kept}};
  return {edge.last_kept, TallyExactly(row, edge.last_kept, temperature)};
}

void SelectionScratch::Sort(absl::Span<RankKey> keys) {
  if (keys.size() < kLibrarySort) {
    std::sort(keys.begin(), keys.end(), std::greater<>());
  } else {
    sorter(keys.data(), keys.size(), hwy::SortDescending());
  }
}

}  // namespace boltzmann::core
