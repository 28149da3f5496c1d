#include "core/typical.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace boltzmann::core {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// How many tokens are looked at first, and by how much more each time.
constexpr int32_t kFirstReach = 32;
constexpr int32_t kReachGrowth = 4;

// The tokens that are kept, as the ends of what will be a window.
class Window {
 public:
  void Keep(RankKey key) {
    if (key >> kTokenBits > first_ >> kTokenBits) last_token_ = -1;
    if (key >> kTokenBits >= first_ >> kTokenBits)
      last_token_ = std::max(last_token_, TokenOf(key));
    first_ = std::max(first_, key);
    last_ = std::min(last_, key);
  }
  TypicalSet Set() const {
    return {.cut = last_, .ceiling = {.logit = LogitOf(first_), .last_token = last_token_}};
  }

 private:
  RankKey first_ = 0;
  RankKey last_ = ~RankKey{0};
  int32_t last_token_ = -1;  // of those at the logit of the first
};

// Takes tokens in the order of their distance from the mean, until their mass is reached.
class Walk {
 public:
  // `mean` is relative to the row's maximum; `share` of `mass` is to be reached.
  Walk(const ScannedRow& row, double temperature, double mean, double mass, double share,
       SelectionScratch& scratch)
      : row_(row),
        scale_(row.Scale(temperature)),
        mean_(mean),
        mass_(mass),
        share_(share),
        scratch_(scratch) {}

  // Keeps tokens, from `last` to `first`, that need not be taken one by one.
  void StartFrom(double mass, RankKey last, RankKey first) {
    before_ = mass;
    window_.Keep(last);
    window_.Keep(first);
  }

  // Walks keys that are in the total order, from where the mean lies outwards. Returns whether
  // the end was found; if `all` is false there may be keys after the last.
  bool Outwards(absl::Span<const RankKey> keys, bool all) {
    Measure(keys);
    const std::vector<double>& distances = scratch_.distances;
    const auto middle = std::partition_point(
        keys.begin(), keys.end(), [this](RankKey key) { return LogitOf(key) - row_.max >= mean_; });
    auto above = static_cast<int64_t>(middle - keys.begin()) - 1;
    auto below = above + 1;
    const auto end = static_cast<int64_t>(keys.size());
    std::vector<WeighedKey>& group = scratch_.group;
    while (above >= 0 || below < end) {
      if (below == end && !all) return false;
      const double up = above >= 0 ? distances[above] : kInfinity;
      const double down = below < end ? distances[below] : kInfinity;
      const double distance = std::min(up, down);
      group.clear();
      for (; above >= 0 && distances[above] == distance; --above) {
        group.push_back({keys[above], scratch_.weights[above]});
      }
      for (; below < end && distances[below] == distance; ++below) {
        group.push_back({keys[below], scratch_.weights[below]});
      }
      if (below == end && !all && down == distance) return false;  // ties may follow
      if (Take()) return true;
    }
    return all;
  }

  bool IsReached() const { return before_ / mass_ >= share_; }
  TypicalSet Set() const { return window_.Set(); }

 private:
  // Finds the weights and distances of keys.
  void Measure(absl::Span<const RankKey> keys) {
    constexpr size_t kBatch = 256;
    const size_t size = std::max(scratch_.weights.size(), keys.size());
    scratch_.weights.resize(size);
    scratch_.distances.resize(size);
    for (size_t first = 0; first < keys.size(); first += kBatch) {
      double logits[kBatch];
      const size_t count = std::min(kBatch, keys.size() - first);
      for (size_t i = 0; i < count; ++i) {
        logits[i] = LogitOf(keys[first + i]);
        scratch_.distances[first + i] = std::abs((logits[i] - row_.max) - mean_);
      }
      row_.kernels.weigh(logits, static_cast<int>(count), scale_, &scratch_.weights[first]);
    }
  }

  // Takes the group, which is equally far. Returns whether the mass was reached before its last.
  bool Take() {
    std::vector<WeighedKey>& group = scratch_.group;
    if (group.size() > 1) {
      std::sort(group.begin(), group.end(), [](const WeighedKey& a, const WeighedKey& b) {
        return TokenOf(a.key) < TokenOf(b.key);
      });
    }
    for (const auto& [key, weight] : group) {
      if (IsReached()) return true;
      before_ += weight;
      window_.Keep(key);
    }
    return false;
  }

  const ScannedRow& row_;
  const WeightScale scale_;
  const double mean_;
  const double mass_;
  const double share_;
  SelectionScratch& scratch_;
  double before_ = 0;
  Window window_;
};

// An interval of logits around the mean.
struct Interval {
  double low;
  double high;
};

// Looks for the end deep in the row: between an interval whose mass is too small and one whose
// mass is enough, until the tokens between them can be sorted.
class DeepSearch {
 public:
  DeepSearch(ScannedRow& row, SelectionScratch& scratch, RankKey cut, double temperature,
             double mean_logit, double mass, double target)
      : row_(row),
        scratch_(scratch),
        cut_(cut),
        temperature_(temperature),
        mean_(mean_logit),
        mass_(mass),
        target_(target) {
    scratch_.candidates.resize(kMaxCandidates);
    lowest_ = LogitOf(cut);
  }

  // Narrows a pair of distances, between which the end lies, until the tokens between them can be
  // sorted. Begins where a sample of the row has the end.
  TypicalSet Find(Walk& walk) {
    auto [near, far] = Guess();
    double near_mass = MassWithin(near);
    if (near_mass / mass_ >= target_) {
      far = near;
      near = near_mass = 0;
    } else if (const int32_t between = GatherBetween(Around(near), Around(far));
               between <= kMaxCandidates) {
      Walk guessed = walk;
      const TypicalSet set = Finish(Around(near), near_mass, between, guessed);
      if (guessed.IsReached()) return set;
    }
    double far_mass = MassWithin(far);
    while (far_mass / mass_ < target_ && !IsWhole(Around(far))) {
      near = far;
      near_mass = far_mass;
      far = std::max(2 * far, temperature_);
      far_mass = MassWithin(far);
    }
    for (int round = 0;; ++round) {
      const Interval inner = near == 0 ? Interval{mean_, NextBelow(mean_)} : Around(near);
      const Interval outer = Around(far);
      const int32_t between = GatherBetween(inner, outer);
      if (between <= kMaxCandidates) return Finish(inner, near_mass, between, walk);
      double guess = near + (far - near) * Share(near_mass, far_mass, round);
      if (guess <= near || guess >= far) guess = near + (far - near) / 2;
      if (guess <= near || guess >= far) return FinishTies(inner, outer, near_mass, walk);
      const double mass = MassWithin(guess);
      (mass / mass_ < target_ ? near : far) = guess;
      (mass / mass_ < target_ ? near_mass : far_mass) = mass;
    }
  }

 private:
  static double NextBelow(double logit) { return FromOrderedBits(OrderedBitsDown(logit) - 1); }
  static double NextAbove(double logit) { return FromOrderedBits(OrderedBitsUp(logit) + 1); }

  Interval Around(double distance) const {
    return {FromOrderedBits(OrderedBitsUp(mean_ - distance)),
            FromOrderedBits(OrderedBitsDown(mean_ + distance))};
  }

  bool IsWhole(const Interval& interval) const {
    return interval.low <= lowest_ && interval.high >= row_.max;
  }

  // Two distances between which the end should lie, by some logits from all over the row.
  std::pair<double, double> Guess() {
    constexpr int32_t kRun = 16;
    constexpr int32_t kMostSampled = 4096;
    constexpr double kDoubt = 0.02;                 // about three standard deviations of a share
    std::vector<uint64_t>& sample = scratch_.ties;  // distances above places
    std::vector<double>& sampled = scratch_.sample_weights;
    sample.clear();
    sampled.clear();
    const auto blocks = static_cast<int32_t>(row_.blocks.size());
    const int32_t step = (blocks * kRun + kMostSampled - 1) / kMostSampled;
    double sum = 0;
    for (int32_t block = 0; block < blocks; block += step) {
      double logits[kRun];
      double weights[kRun];
      const int32_t first = block * kBlockSize;
      const int32_t count = std::min(kRun, row_.logits.vocab_size() - first);
      row_.logits.Load(first, count, logits);
      row_.kernels.weigh(logits, count, row_.Scale(temperature_), weights);
      for (int32_t i = 0; i < count; ++i) {
        if (KeyOf(logits[i], first + i) < cut_) continue;
        sample.push_back(OrderedBits(std::abs(logits[i] - mean_)) << kTokenBits | sampled.size());
        sampled.push_back(weights[i]);
        sum += weights[i];
      }
    }
    scratch_.sorter(sample.data(), sample.size(), hwy::SortAscending());
    double near = 0;
    double before = 0;
    for (uint64_t entry : sample) {
      const double distance = FromOrderedBits(entry >> kTokenBits);
      before += sampled[entry & kTokenMask];
      if (before < (target_ - kDoubt) * sum) near = distance;
      if (before > (target_ + kDoubt) * sum) return {near, distance};
    }
    return {near, std::max(2 * near, std::abs(row_.max - mean_))};
  }

  double MassWithin(double distance) {
    const Interval interval = Around(distance);
    const Zones zones = row_.kernels.tally_zones(row_.logits, row_.Scale(temperature_), cut_,
                                                 interval.low, interval.high, row_.blocks);
    return zones.lower - zones.upper;
  }

  // Where between two distances the mass is expected: not always, so that a steep place cannot
  // hold the search up.
  double Share(double near_mass, double far_mass, int round) const {
    if (round % 3 == 2 || far_mass <= near_mass) return 0.5;
    return std::clamp((target_ * mass_ - near_mass) / (far_mass - near_mass), 0.02, 0.98);
  }

  // Gathers what is in the outer interval but not in the inner one. Returns how many that are.
  int32_t GatherBetween(const Interval& inner, const Interval& outer) {
    const int32_t below = Gather(outer.low, NextBelow(inner.low), 0);
    const int32_t above =
        Gather(NextAbove(inner.high), outer.high, std::min(below, kMaxCandidates));
    return below + above;
  }

  int32_t Gather(double low, double high, int32_t at) {
    const RankKey from = std::max(cut_, LastKeyAt(low));
    return row_.kernels
        .gather(row_.logits, from, high, row_.blocks, scratch_.candidates.data() + at,
                kMaxCandidates - at)
        .count;
  }

  void StartFrom(const Interval& inner, double inner_mass, Walk& walk) {
    if (inner_mass == 0) return;
    walk.StartFrom(inner_mass, std::max(cut_, LastKeyAt(inner.low)),
                   KeyOf(std::min(inner.high, row_.max), kLastToken));
  }

  TypicalSet Finish(const Interval& inner, double inner_mass, int32_t count, Walk& walk) {
    StartFrom(inner, inner_mass, walk);
    const absl::Span<RankKey> keys = absl::MakeSpan(scratch_.candidates).first(count);
    scratch_.Sort(keys);
    walk.Outwards(keys, true);
    return walk.Set();
  }

  // More tokens than can be sorted share a logit: takes them as they come.
  TypicalSet FinishTies(const Interval& inner, const Interval& outer, double inner_mass,
                        Walk& walk) {
    StartFrom(inner, inner_mass, walk);
    std::vector<RankKey>& keys = scratch_.ties;
    keys.clear();
    double logits[kBlockSize];
    for (size_t block = 0; block < row_.blocks.size(); ++block) {
      const auto first = static_cast<int32_t>(block) * kBlockSize;
      const int32_t count = std::min(kBlockSize, row_.logits.vocab_size() - first);
      row_.logits.Load(first, count, logits);
      for (int32_t i = 0; i < count; ++i) {
        const bool in = outer.low <= logits[i] && logits[i] <= outer.high &&
                        !(inner.low <= logits[i] && logits[i] <= inner.high);
        const RankKey key = KeyOf(logits[i], first + i);
        if (in && key >= cut_) keys.push_back(key);
      }
    }
    scratch_.Sort(absl::MakeSpan(keys));
    walk.Outwards(keys, true);
    return walk.Set();
  }

  ScannedRow& row_;
  SelectionScratch& scratch_;
  const RankKey cut_;
  const double temperature_;
  const double mean_;  // the logit
  const double mass_;
  const double target_;
  double lowest_;
};

}  // namespace

TypicalSet FindTypical(ScannedRow& row, Ranking& ranking, RankKey cut, double temperature,
                       double typical_p) {
  const auto [mass, logs] = TallyLogs(row, cut, temperature);
  const double mean = temperature * (logs / mass);
  SelectionScratch& scratch = ranking.selection_scratch();
  for (int32_t reach = kFirstReach;; reach *= kReachGrowth) {
    const int32_t asked = std::min(reach, ranking.EasyReach());
    auto keys = ranking.Top(asked);
    const auto listed = static_cast<int32_t>(keys.size());
    bool all = listed < asked || listed == row.logits.vocab_size();
    if (!keys.empty() && keys.back() < cut) {
      keys = keys.first(std::partition_point(keys.begin(), keys.end(),
                                             [cut](RankKey key) { return key >= cut; }) -
                        keys.begin());
      all = true;
    }
    Walk walk(row, temperature, mean, mass, typical_p, scratch);
    if (walk.Outwards(keys, all)) return walk.Set();
    if (reach >= ranking.EasyReach()) break;
  }
  Walk walk(row, temperature, mean, mass, typical_p, scratch);
  return DeepSearch(row, scratch, cut, temperature, row.max + mean, mass, typical_p).Find(walk);
}

}  // namespace boltzmann::core
