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

// Takes tokens in the order of their distance, until their mass is reached.
class Walk {
 public:
  Walk(const ScannedRow& row, double temperature, double mean, double target)
      : row_(row), scale_(row.Scale(temperature)), mean_(mean), target_(target) {}

  // Of a logit from the mean, both relative to the row's maximum.
  double DistanceOf(double logit) const { return std::abs((logit - row_.max) - mean_); }

  // What is before the next token, and what tokens are kept that were not taken one by one.
  void StartFrom(double mass, RankKey last, RankKey first) {
    before_ = mass;
    window_.Keep(last);
    window_.Keep(first);
  }

  // Takes tokens of equal distance. Returns whether the mass was reached before the last.
  bool Take(std::vector<RankKey>& group) {
    if (group.size() > 1) {
      std::sort(group.begin(), group.end(),
                [](RankKey a, RankKey b) { return TokenOf(a) < TokenOf(b); });
    }
    for (RankKey key : group) {
      if (IsReached()) return true;
      const double logit = LogitOf(key);
      double weight = 0;
      row_.kernels.weigh(&logit, 1, scale_, &weight);
      before_ += weight;
      window_.Keep(key);
    }
    return false;
  }

  bool IsReached() const { return before_ / mass_ >= target_; }
  void set_mass(double mass) { mass_ = mass; }
  TypicalSet Set() const { return window_.Set(); }

 private:
  const ScannedRow& row_;
  const WeightScale scale_;
  const double mean_;
  const double target_;
  double mass_ = 1;
  double before_ = 0;
  Window window_;
};

// Walks keys that are in the total order, from where the mean lies outwards. Returns whether the
// end was found; if `all` is false there may be keys after the last.
bool WalkOutwards(absl::Span<const RankKey> keys, double mean_logit, bool all,
                  std::vector<RankKey>& group, Walk& walk) {
  const auto middle = std::partition_point(
      keys.begin(), keys.end(), [mean_logit](RankKey key) { return LogitOf(key) >= mean_logit; });
  auto above = static_cast<int64_t>(middle - keys.begin()) - 1;
  auto below = above + 1;
  const auto end = static_cast<int64_t>(keys.size());
  while (above >= 0 || below < end) {
    if (below == end && !all) return false;
    const double up = above >= 0 ? walk.DistanceOf(LogitOf(keys[above])) : kInfinity;
    const double down = below < end ? walk.DistanceOf(LogitOf(keys[below])) : kInfinity;
    const double distance = std::min(up, down);
    group.clear();
    while (above >= 0 && walk.DistanceOf(LogitOf(keys[above])) == distance) {
      group.push_back(keys[above--]);
    }
    while (below < end && walk.DistanceOf(LogitOf(keys[below])) == distance) {
      group.push_back(keys[below++]);
    }
    if (below == end && !all && down == distance) return false;  // ties may follow
    if (walk.Take(group)) return true;
  }
  return all;
}

// An interval of logits around the mean.
struct Interval {
  double low;
  double high;
};

// Looks for the end deep in the row: between an interval whose mass is too small and one whose
// mass is enough, until the tokens between them can be sorted.
class DeepSearch {
 public:
  DeepSearch(ScannedRow& row, Ranking& ranking, RankKey cut, double temperature, double mean_logit,
             double mass, double target)
      : row_(row),
        scratch_(ranking.selection_scratch()),
        cut_(cut),
        temperature_(temperature),
        mean_(mean_logit),
        mass_(mass),
        target_(target) {
    scratch_.candidates.resize(kMaxCandidates);
    lowest_ = LogitOf(cut);
  }

  TypicalSet Find(Walk& walk) {
    double near = 0;
    double far = std::abs(row_.max - mean_);
    while (MassWithin(Around(far)) / mass_ < target_ && Around(far).low > lowest_) {
      far = std::max(2 * far, temperature_);
    }
    double near_mass = 0;
    double far_mass = mass_;
    for (int round = 0;; ++round) {
      const Interval inner = near == 0 ? Interval{mean_, NextBelow(mean_)} : Around(near);
      const Interval outer = Around(far);
      const int32_t between = GatherBetween(inner, outer);
      if (between <= kMaxCandidates) return Finish(inner, near_mass, between, walk);
      double guess = near + (far - near) * Share(near_mass, far_mass, round);
      if (guess <= near || guess >= far) guess = near + (far - near) / 2;
      if (guess <= near || guess >= far) return FinishTies(inner, outer, near_mass, walk);
      const double mass = MassWithin(Around(guess));
      if (mass / mass_ < target_) {
        near = guess;
        near_mass = mass;
      } else {
        far = guess;
        far_mass = mass;
      }
    }
  }

 private:
  static double NextBelow(double logit) { return FromOrderedBits(OrderedBitsDown(logit) - 1); }
  static double NextAbove(double logit) { return FromOrderedBits(OrderedBitsUp(logit) + 1); }

  Interval Around(double distance) const {
    return {FromOrderedBits(OrderedBitsUp(mean_ - distance)),
            FromOrderedBits(OrderedBitsDown(mean_ + distance))};
  }

  double MassWithin(const Interval& interval) {
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
    WalkOutwards(keys, mean_, true, scratch_.group, walk);
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
    WalkOutwards(keys, mean_, true, scratch_.group, walk);
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
  const double mean_logit = row.max + mean;
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
    Walk walk(row, temperature, mean, typical_p);
    walk.set_mass(mass);
    if (WalkOutwards(keys, mean_logit, all, ranking.selection_scratch().group, walk))
      return walk.Set();
    if (reach >= ranking.EasyReach()) break;
  }
  Walk walk(row, temperature, mean, typical_p);
  walk.set_mass(mass);
  return DeepSearch(row, ranking, cut, temperature, mean_logit, mass, typical_p).Find(walk);
}

}  // namespace boltzmann::core
