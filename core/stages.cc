#include "core/stages.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "core/elementary.h"
#include "core/philox.h"
#include "core/top_p.h"
#include "core/typical.h"

namespace boltzmann::core {
namespace {

// Above this, every weight of a finite logit is 1 to the last bit.
constexpr double kFlatTemperature = 1e200;

// The tokens that mirostat 1 estimates its exponent from.
constexpr int32_t kMirostatTokens = 100;

double MirostatMu(const SamplingParams& params, const RowState& state) {
  return state.mirostat_mu.value_or(2 * params.mirostat_tau);
}

// What runs the stages over a row.
class Stages {
 public:
  explicit Stages(const StagedRow& staged)
      : params_(*staged.request.params),
        state_(staged.request.state),
        vocab_size_(staged.request.vocab_size()),
        absent_(staged.absent),
        seen_(staged.seen),
        row_(staged.row),
        ranking_(staged.ranking) {}

  KeptSet Run(std::vector<StageReport>* reports) {
    set_.exhausted = absent_.count > 0 && absent_.raised;
    if (reports != nullptr) StartReports(*reports);
    for (Stage stage : params_.Order()) {
      if (!params_.IsOn(stage, vocab_size_)) continue;
      if (!set_.greedy) Apply(stage);
      narrowed_ |= stage != Stage::kTemperature && stage != Stage::kXtc;
      const bool reweighed = stage == Stage::kTemperature && !set_.greedy;
      if (reports != nullptr) Report(NameOf(stage), reweighed, *reports);
    }
    set_.exhausted |= MayHaveAbsent();
    set_.kept = Measure();
    return set_;
  }

 private:
  void Apply(Stage stage) {
    switch (stage) {
      case Stage::kTopNSigma:
        return TopNSigma();
      case Stage::kTemperature:
        return Temperature();
      case Stage::kMinP:
        return Raise(LastKeyAtLeast(row_, params_.min_p, set_.temperature));
      case Stage::kTopK:
        return TopK(params_.top_k);
      case Stage::kTypicalP:
        return TypicalP();
      case Stage::kTopP:
        return TopP();
      case Stage::kEpsilonCutoff:
        return AtLeast(params_.epsilon_cutoff);
      case Stage::kEtaCutoff:
        return EtaCutoff();
      case Stage::kXtc:
        return Xtc();
      case Stage::kMirostat:
        return params_.mirostat == 1 ? Mirostat1() : Mirostat2();
      case Stage::kTopKTopP:
        return TopKTopP();
    }
  }

  // Whether tokens that the row does not have may be among those left.
  bool MayHaveAbsent() const { return absent_.count > 0 && !gone_ && set_.cut < absent_.before; }

  // A stage that goes by what is unknown of absent tokens.
  void GoByAll() { set_.exhausted |= MayHaveAbsent(); }

  // Keeps the tokens from this key on only.
  void Raise(RankKey cut) {
    if (cut <= set_.cut) return;
    set_.cut = cut;
    measured_.reset();
  }

  // Drops the tokens before those that the ceiling keeps.
  void Lower(Ceiling ceiling) {
    const Ceiling& old = seen_.ceiling();
    if (old.logit == ceiling.logit) {
      ceiling.first_token = std::max(ceiling.first_token, old.first_token);
      ceiling.last_token = std::min(ceiling.last_token, old.last_token);
    }
    seen_.CutAbove(ceiling);
    ApplyCeiling(row_);
    ranking_.Reset();
    measured_.reset();
  }

  RankKey First() { return ranking_.Top(1).front(); }

  const Kept& Measure() {
    if (measured_) return *measured_;
    const auto keys = ranking_.Known(set_.cut);
    // The scan could not know the temperature.
    const bool resum = params_.dynamic_temperature_range > 0 && set_.cut == kLastFinite &&
                       keys.empty() && set_.temperature <= kMaxScanTemperature;
    if (resum) SumAt(row_, set_.temperature);
    measured_ = keys.empty() ? Tally(row_, set_.cut, set_.temperature)
                             : TallyKeys(row_, keys, set_.temperature);
    return *measured_;
  }

  const Kept& MeasureExactly() {
    if (!measured_ || measured_->error > 0) {
      measured_ = TallyExactly(row_, set_.cut, set_.temperature);
    }
    return *measured_;
  }

  // How many of the absent tokens an earlier stage has taken is not known.
  MassRange AbsentMass() const {
    if (!MayHaveAbsent()) return {};
    MassRange range = MassOf(absent_, row_.max, set_.temperature);
    if (narrowed_) range.low = 0;
    return range;
  }

  double EntropyNats() {
    const auto [mass, logs] = TallyLogs(row_, set_.cut, set_.temperature);
    measured_ = Kept{.mass = mass};
    return std::max(0.0, LogPositive(mass) - logs / mass);
  }

  void TopNSigma() {
    constexpr int32_t kFew = 4096;          // logits that a second pass costs nothing for
    constexpr double kMostCancelled = 1e4;  // of what a variance may lose, as a factor
    GoByAll();
    double mean = 0;
    const auto variance_about = [&](double origin) {
      const Moments moments = row_.kernels.moments(row_.logits, origin, set_.cut, row_.blocks);
      mean = moments.sum / moments.count;
      return std::max(0.0, moments.squares / moments.count - mean * mean);
    };
    double variance = variance_about(row_.max);
    const bool coarse = mean * mean > kMostCancelled * variance;
    if (coarse || row_.logits.vocab_size() <= kFew) variance = variance_about(row_.max + mean);
    Raise(LastKeyAt(row_.max - params_.top_n_sigma * std::sqrt(variance)));
  }

  void Temperature() {
    double temperature = params_.temperature;
    if (params_.dynamic_temperature_range > 0) temperature = DynamicTemperature();
    measured_.reset();
    if (temperature >= kGreedyTemperature) {
      set_.temperature = std::min(temperature, kFlatTemperature);
      return;
    }
    Raise(First());
    set_.greedy = true;
    set_.temperature = 1;  // any gives one token all
  }

  double DynamicTemperature() {
    GoByAll();
    const int32_t count = Count(row_, set_.cut);
    const double most = count > 1 ? EntropyNats() / LogPositive(count) : 0;
    const double low = std::max(0.0, params_.temperature - params_.dynamic_temperature_range);
    const double high = params_.temperature + params_.dynamic_temperature_range;
    const double share = Power(std::min(most, 1.0), params_.dynamic_temperature_exponent);
    return low + (high - low) * share;
  }

  void TopK(int32_t k) {
    if (absent_.count > 0 && Count(row_, set_.cut) < k) return;  // absent ones may be among k
    Raise(ranking_.Kth(k));
    // Those that were edited may have fallen behind tokens that the row does not have.
    set_.exhausted |= MayHaveAbsent();
    gone_ = true;
  }

  void TopP() {
    const RankKey from = set_.cut;
    const MassRange absent = AbsentMass();
    if (absent.high > absent.low) {
      const RankKey farthest =
          FindTopP(row_, ranking_, from, set_.temperature, params_.top_p, absent.high).cut;
      const RankKey nearest =
          FindTopP(row_, ranking_, from, set_.temperature, params_.top_p, absent.low).cut;
      set_.exhausted |= farthest != nearest;
    }
    const TopPSet found =
        FindTopP(row_, ranking_, from, set_.temperature, params_.top_p, absent.low);
    Raise(found.cut);
    measured_ = found.kept;
    if (absent.high > 0 && found.cut == from) EndWithCandidates(absent.high);
  }

  // Where the candidates are nucleus enough, no absent token is in it.
  void EndWithCandidates(double most_absent) {
    const double mass = MeasureExactly().mass;
    if (mass / (mass + most_absent) < params_.top_p) return;
    Raise(ranking_.Top(row_.logits.vocab_size()).back());
  }

  // The first k of the nucleus: both are prefixes of what the stage before left.
  void TopKTopP() {
    if (params_.IsOn(Stage::kTopP, vocab_size_)) TopP();
    if (params_.IsOn(Stage::kTopK, vocab_size_)) TopK(params_.top_k);
  }

  void TypicalP() {
    GoByAll();
    const TypicalSet set =
        FindTypical(row_, ranking_, set_.cut, set_.temperature, params_.typical_p);
    Raise(set.cut);
    measured_.reset();
    if (set.ceiling.Keeps(row_.max, TokenOf(First()))) {
      const bool all = set.ceiling.logit > row_.max || set.ceiling.last_token == kLastToken;
      if (all) return;
    }
    Lower(set.ceiling);
  }

  // The last key with at least this share of the mass, which absent tokens add to.
  RankKey LastKeyWithShare(double share, double absent_mass) {
    const auto cut_at = [&](double error) {
      const double least = share * (measured_->mass + absent_mass) * (1 + error);
      if (least > 1) return ~RankKey{0};
      return least > 0 ? LastKeyAtLeast(row_, least, set_.temperature) : set_.cut;
    };
    if (const double error = Measure().error; error > 0) {
      const RankKey low = cut_at(-2 * error);
      const RankKey high = cut_at(2 * error);
      if (low == high || Count(row_, low) == Count(row_, high)) return high;
    }
    MeasureExactly();
    return cut_at(0);
  }

  // Keeps tokens with at least this probability, the first always.
  void AtLeast(double share) {
    const MassRange absent = AbsentMass();
    const RankKey first = First();
    const RankKey cut = std::min(first, LastKeyWithShare(share, absent.low));
    if (absent.high > absent.low) {
      const RankKey other = std::min(first, LastKeyWithShare(share, absent.high));
      set_.exhausted |= Count(row_, cut) != Count(row_, other);
    }
    Raise(cut);
  }

  void EtaCutoff() {
    GoByAll();
    const double eta = params_.eta_cutoff;
    AtLeast(std::min(eta, std::sqrt(eta) * Exp(-EntropyNats())));
  }

  void Xtc() {
    const double u = Uniform(state_.seed, state_.position, 0, RandomDomain::kXtc);
    if (u >= params_.xtc_probability) return;
    const MassRange absent = AbsentMass();
    const auto count_with = [&](double absent_mass) {
      return Count(row_, std::max(set_.cut, LastKeyWithShare(params_.xtc_threshold, absent_mass)));
    };
    const int32_t likely = count_with(absent.low);
    if (absent.high > absent.low) set_.exhausted |= likely != count_with(absent.high);
    if (MayHaveAbsent() && likely == Count(row_, set_.cut)) set_.exhausted = true;
    if (likely < 2) return;
    const RankKey last = ranking_.Kth(likely);
    Lower({.logit = LogitOf(last), .first_token = TokenOf(last)});
  }

  double Mu() const { return MirostatMu(params_, state_); }

  void Mirostat2() {
    constexpr double kMostBits = 1000;  // 2^-mu is a normal double up to here
    const double mu = Mu();
    if (mu <= kMostBits) return AtLeast(Exp(-kLn2 * mu));
    GoByAll();
    const double mass = MeasureExactly().mass;
    const double least = row_.max + set_.temperature * (LogPositive(mass) - kLn2 * mu);
    Raise(std::min(First(), LastKeyAt(least)));
  }

  void Mirostat1() {
    auto top = ranking_.Top(kMirostatTokens);
    top = top.first(std::partition_point(top.begin(), top.end(),
                                         [this](RankKey key) { return key >= set_.cut; }) -
                    top.begin());
    const bool full = static_cast<int32_t>(top.size()) == kMirostatTokens;
    if (!full || top.back() < absent_.before) GoByAll();
    if (top.size() < 2) return;
    double products = 0;
    double squares = 0;
    for (size_t i = 1; i < top.size(); ++i) {
      const double t = LogPositive(static_cast<double>(i + 1) / static_cast<double>(i));
      products += t * (LogitOf(top[i - 1]) - LogitOf(top[i])) / set_.temperature;
      squares += t * t;
    }
    const double k = MirostatCount(products / squares);
    TopK(static_cast<int32_t>(std::clamp(k, 1.0, static_cast<double>(vocab_size_))));
  }

  // The k of mirostat 1, of an exponent s >= 0.
  double MirostatCount(double s) const {
    const double size = vocab_size_;
    const double e = s - 1;
    // ln of e 2^mu / (1 - V^-e); where e is 0, that of its limit.
    const double log_size = LogPositive(size);
    const double factor = std::abs(e) < 1e-12 ? 1 / log_size : e / (1 - Exp(-e * log_size));
    const double log_k = LogPositive(factor) + kLn2 * Mu();
    if (s == 0) return log_k > 0 ? size : 1;
    return std::floor(std::min(size, Exp(log_k / s)));
  }

  void StartReports(std::vector<StageReport>& reports) {
    reported_max_ = row_.max;
    if (row_.logits.HasOverlay()) {
      Report("edits", true, reports);
    } else {
      reported_mass_ = MeasureExactly().mass;
    }
  }

  // Reports what a stage left: all there was if it changed the weights themselves.
  void Report(const char* name, bool reweighed, std::vector<StageReport>& reports) {
    const double mass = MeasureExactly().mass;
    const double raised = Exp((row_.max - reported_max_) / set_.temperature);
    const double share = reweighed ? 1 : std::min(1.0, mass / reported_mass_ * raised);
    reported_mass_ = mass;
    reported_max_ = row_.max;
    reports.push_back(
        {.name = name,
         .token_count = static_cast<uint32_t>(Count(row_, set_.cut)),
         .mass = static_cast<float>(share),
         .entropy = static_cast<float>(EntropyBits(row_, set_.cut, set_.temperature, mass)),
         .temperature = set_.greedy ? 0 : set_.temperature});
  }

  const SamplingParams& params_;
  const RowState& state_;
  const int32_t vocab_size_;
  const Absent& absent_;
  LogitRow& seen_;
  ScannedRow& row_;
  Ranking& ranking_;
  KeptSet set_;
  bool gone_ = false;      // top-k has left no room for absent tokens
  bool narrowed_ = false;  // a stage may have removed some of them
  // The mass of what is left, if it was measured; then the blocks' kept_mass is its parts.
  std::optional<Kept> measured_;
  double reported_mass_ = 0;  // as of the latest report, in units of the largest weight
  double reported_max_ = 0;   // the largest logit then
};

}  // namespace

ScanOptions PlanScan(const SamplingParams& params, const OutputOptions& outputs,
                     int32_t vocab_size) {
  // The first mass that is asked for while every token is left is the scan's to sum.
  ScanOptions options = {.model_sums = outputs.model_logprobs || outputs.entropy};
  bool whole = true;
  bool decided = false;
  double temperature = 1;
  for (Stage stage : params.Order()) {
    if (decided || !whole || !params.IsOn(stage, vocab_size)) continue;
    switch (stage) {
      case Stage::kTemperature:
        whole = !params.IsGreedy();
        decided = params.dynamic_temperature_range > 0;
        temperature = std::min(params.temperature, kFlatTemperature);
        break;
      case Stage::kTopNSigma:
      case Stage::kMinP:
      case Stage::kTopK:
        whole = false;
        break;
      case Stage::kTypicalP:
      case Stage::kEtaCutoff:
        decided = true;  // sums in double
        break;
      default:
        decided = options.tempered_sums = true;
        break;
    }
  }
  if (whole && !decided) options.tempered_sums = true;
  const bool fixed = !params.IsGreedy() && params.dynamic_temperature_range == 0;
  if (outputs.kept_stats && fixed && !options.tempered_sums) {
    options.tempered_sums = true;
    temperature = std::min(params.temperature, kFlatTemperature);
  }
  options.temperature = std::max(temperature, kGreedyTemperature);
  options.tempered_sums &= temperature <= kMaxScanTemperature;
  return options;
}

KeptSet RunStages(const StagedRow& staged, std::vector<StageReport>* reports) {
  return Stages(staged).Run(reports);
}

double NextMirostatMu(const SamplingParams& params, const RowState& state, double logprob) {
  const double surprise = -logprob / kLn2;
  return MirostatMu(params, state) - params.mirostat_eta * (surprise - params.mirostat_tau);
}

}  // namespace boltzmann::core
