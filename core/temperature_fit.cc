#include "core/temperature_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/elementary.h"

namespace boltzmann::core {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The inverse temperatures between which the fit is looked for, and how exactly.
constexpr double kLeast = 1e-3;
constexpr double kMost = 1e3;
constexpr double kPrecision = 1e-10;
constexpr int kMaxRounds = 100;

// The bins of the calibration error.
constexpr int kBins = 15;

// A row that takes part.
struct FittedRow {
  const LogitRow* logits;
  int32_t token;       // scored
  double max = 0;      // the largest logit
  double target = 0;   // the scored token's, relative to that
  bool first = false;  // whether the scored token is the row's first

  // At the temperature tried last.
  double log_mass = 0;  // of exp((l - max) / T)
  double mean = 0;      // of l - max

  bool changed = false;  // since it was sampled, or while it was read
};

// A function of the inverse temperature: the loss, and how fast it rises.
class Loss {
 public:
  Loss(const Kernels& kernels, const Batch& batch, absl::Span<RowScratch> scratch, ForRows for_rows)
      : kernels_(kernels), scratch_(scratch), for_rows_(for_rows) {
    for (size_t i = 0; i < batch.rows.size(); ++i) {
      if (!IsAnswered(batch.results.rows()[i].status)) continue;
      rows_.push_back({&batch.rows[i].logits, *batch.rows[i].scored_token});
    }
    if (rows_.empty()) return;
    ForEachRow([this](RowScratch& of_worker, FittedRow& row) { Look(of_worker, row); });
  }

  bool HasRows() const { return !rows_.empty(); }

  // Whether any row was seen to change: then the numbers are of no one set of rows.
  bool HasChanged() const {
    return std::any_of(rows_.begin(), rows_.end(),
                       [](const FittedRow& row) { return row.changed; });
  }

  // The derivative of the loss by the inverse temperature, which it rises with. A token that is
  // impossible at every temperature has no say.
  double Slope(double inverse) {
    Evaluate(inverse);
    double sum = 0;
    for (const FittedRow& row : rows_) {
      if (row.target > -kInfinity) sum += row.mean - row.target;
    }
    return sum;
  }

  // The mean negative log-likelihood and the calibration error.
  void Measure(double inverse, double& likelihood, double& calibration) {
    Evaluate(inverse);
    double sum = 0;
    double bins[kBins] = {};
    for (const FittedRow& row : rows_) {
      sum += row.log_mass - row.target * inverse;
      const double confidence = Exp(-row.log_mass);
      const int bin = std::clamp(static_cast<int>(std::ceil(confidence * kBins)) - 1, 0, kBins - 1);
      bins[bin] += (row.first ? 1 : 0) - confidence;
    }
    const auto count = static_cast<double>(rows_.size());
    likelihood = sum / count;
    calibration = 0;
    for (double bin : bins) calibration += std::abs(bin) / count;
  }

 private:
  template <typename Body>
  void ForEachRow(Body body) {
    for_rows_(static_cast<int>(rows_.size()), [&](int worker, int index) {
      try {
        body(scratch_[worker], rows_[index]);
      } catch (const LogitsChanged&) {
        rows_[index].changed = true;
      }
    });
  }

  // Finds what does not depend on the temperature.
  void Look(RowScratch& scratch, FittedRow& row) {
    const LogitRow logits = scratch.snapshot.Of(*row.logits);
    const ScannedRow scanned = ScanRow(scratch, logits);
    Ranking ranking(scanned, scratch.ranking);
    row.max = scanned.max;
    row.target = logits.ReceivedAt(row.token) - row.max;
    row.first = TokenOf(ranking.Top(1).front()) == row.token;
  }

  ScannedRow ScanRow(RowScratch& scratch, const LogitRow& logits) const {
    scratch.blocks.resize(BlockCount(logits.vocab_size()));
    const auto in_order = [](int count, absl::FunctionRef<void(int)> body) {
      for (int i = 0; i < count; ++i) body(i);
    };
    const ScannedRow row = Scan(kernels_, logits, {}, absl::MakeSpan(scratch.blocks), in_order);
    if (row.status != RowStatus::kOk) throw LogitsChanged();  // it was when it was sampled
    return row;
  }

  void Evaluate(double inverse) {
    const double temperature = 1 / inverse;
    ForEachRow([&](RowScratch& scratch, FittedRow& row) {
      const LogitRow logits = scratch.snapshot.Of(*row.logits);
      ScannedRow scanned = ScanRow(scratch, logits);
      const auto [mass, logs] = TallyLogs(scanned, kLastFinite, temperature);
      row.log_mass = LogPositive(mass);
      row.mean = temperature * logs / mass;
    });
  }

  const Kernels& kernels_;
  absl::Span<RowScratch> scratch_;
  ForRows for_rows_;
  std::vector<FittedRow> rows_;
};

// The inverse temperature at which the slope is 0, between two where it is below and above: by
// the chord between their ends, as long as that gains ground, else by halves.
double FindRoot(Loss& loss, double low, double low_slope, double high, double high_slope,
                absl::FunctionRef<bool()> is_dropped) {
  int last_side = 0;
  for (int round = 0; round < kMaxRounds && high - low > kPrecision * low; ++round) {
    if (is_dropped()) break;
    double middle = std::sqrt(low) * std::sqrt(high);
    if (round % 4 != 0) {
      middle = low + (high - low) * (-low_slope / (high_slope - low_slope));
      // A step beyond a root that is nearly found closes the bracket.
      const double margin = kPrecision / 2 * low;
      middle = std::clamp(middle, low + margin, high - margin);
    }
    const double slope = loss.Slope(middle);
    const int side = slope < 0 ? -1 : 1;
    (side < 0 ? low : high) = middle;
    (side < 0 ? low_slope : high_slope) = slope;
    // The end that stays for a second time is taken for less than it is (the Illinois rule).
    if (side == last_side) (side < 0 ? high_slope : low_slope) /= 2;
    last_side = side;
  }
  return low + (high - low) / 2;
}

}  // namespace

std::optional<TemperatureFit> FitTemperature(const Kernels& kernels, const Batch& batch,
                                             absl::Span<RowScratch> scratch, ForRows for_rows,
                                             absl::FunctionRef<bool()> is_dropped) {
  Loss loss(kernels, batch, scratch, for_rows);
  if (!loss.HasRows()) return std::nullopt;
  TemperatureFit fit;
  loss.Measure(1, fit.negative_log_likelihood_before, fit.expected_calibration_error_before);
  const double least_slope = loss.Slope(kLeast);
  const double most_slope = loss.Slope(kMost);
  double inverse = 1;
  if (least_slope >= 0) {
    fit.at_limit = true;
    inverse = kLeast;
  } else if (most_slope <= 0) {
    fit.at_limit = true;
    inverse = kMost;
  } else {
    inverse = FindRoot(loss, kLeast, least_slope, kMost, most_slope, is_dropped);
  }
  if (is_dropped() || loss.HasChanged()) return std::nullopt;
  fit.temperature = 1 / inverse;
  loss.Measure(inverse, fit.negative_log_likelihood_after, fit.expected_calibration_error_after);
  if (loss.HasChanged()) return std::nullopt;
  return fit;
}

}  // namespace boltzmann::core
