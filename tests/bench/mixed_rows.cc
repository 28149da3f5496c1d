// A serving mix: who uses what, dealt to 64 rows at random, the same each time.
#include <algorithm>
#include <numeric>
#include <random>

#include "tests/bench/samplers.h"

namespace boltzmann::bench {
namespace {

using core::Stage;

// Other systems' orders, with the stages that they lack.
constexpr Stage kTemperatureLast[] = {
    Stage::kTopNSigma, Stage::kTopK,        Stage::kTypicalP,  Stage::kTopP,
    Stage::kMinP,      Stage::kXtc,         Stage::kEtaCutoff, Stage::kEpsilonCutoff,
    Stage::kMirostat,  Stage::kTemperature,
};
constexpr Stage kTopKTopPJointly[] = {
    Stage::kTopNSigma, Stage::kTemperature, Stage::kTopKTopP,
    Stage::kMinP,      Stage::kTypicalP,    Stage::kEpsilonCutoff,
    Stage::kEtaCutoff, Stage::kXtc,         Stage::kMirostat,
};

// What some rows have in common. `t` rises from 0 to below 1 over them, so that each has other
// values.
struct Use {
  int rows;
  void (*add)(RowPlan&, double t);
};

double Between(double low, double high, double t) { return low + (high - low) * t; }

void TopP(RowPlan& row, double t) { row.params().top_p = Between(.8, .99, t); }
void TopK(RowPlan& row, double t) {
  row.params().top_k = static_cast<int32_t>(Between(20, 200, t));
}
void MinP(RowPlan& row, double t) { row.params().min_p = Between(.02, .15, t); }

void Both(RowPlan& row, double t) {
  TopK(row, t);
  TopP(row, t);
}

// 200 to 2000 tokens, a third to two thirds of them prompt, whatever else the row uses.
void History(RowPlan& row) {
  if (row.HasHistory()) return;
  const double size = Between(200, 2000, (row.row() * 37 % kPlannedRows) / (kPlannedRows - 1.0));
  const double prompt = size * Between(.33, .67, row.row() / (kPlannedRows - 1.0));
  row.Continue(static_cast<size_t>(prompt), static_cast<size_t>(size - prompt));
}

void Repetition(RowPlan& row, double t) {
  History(row);
  row.params().repetition_penalty = Between(1.05, 1.3, t);
}
void Counted(RowPlan& row, double t) {
  History(row);
  row.params().frequency_penalty = Between(.1, 1, t);
  row.params().presence_penalty = Between(1, .1, t);
}

constexpr Use kTruncations[] = {
    {16, TopP},
    {12, TopK},
    {8, MinP},
    {10, Both},
    {6,
     [](RowPlan& row, double t) {
       MinP(row, t);
       TopP(row, t);
     }},
    {6,
     [](RowPlan& row, double t) {
       MinP(row, t);
       Both(row, t);
     }},
};

constexpr Use kPenalties[] = {
    {14, Repetition},
    {10, Counted},
    {8,
     [](RowPlan& row, double t) {
       Repetition(row, t);
       Counted(row, t);
     }},
};

constexpr Use kMasks[] = {
    {4, [](RowPlan& row, double t) { row.Mask(Between(.95, .999, t)); }},
    {4, [](RowPlan& row, double t) { row.Mask(Between(.3, .7, t)); }},
    {4, [](RowPlan& row, double t) { row.Mask(Between(.001, .05, t)); }},
    {4, [](RowPlan& row, double t) { row.MaskAllBut(static_cast<size_t>(Between(12, 100, t))); }},
};

constexpr Use kOtherEdits[] = {
    {6,
     [](RowPlan& row, double t) {
       History(row);
       row.UseDry(Between(.5, 1, t));
     }},
    {6, [](RowPlan& row, double t) { row.AddBias(static_cast<size_t>(Between(10, 300, t))); }},
    {3,
     [](RowPlan& row, double t) {
       History(row);
       row.params().no_repeat_ngram_size = 2 + static_cast<uint32_t>(Between(0, 3, t));
     }},
    {3, [](RowPlan& row, double t) { row.AllowOnly(static_cast<size_t>(Between(20, 300, t))); }},
    {3, [](RowPlan& row, double t) { row.Ban(static_cast<size_t>(Between(10, 300, t))); }},
    {3,
     [](RowPlan& row, double t) {
       History(row);
       row.BanSequences(static_cast<size_t>(Between(10, 300, t)));
     }},
    {3,
     [](RowPlan& row, double) {
       History(row);
       row.HoldStops();
     }},
};

constexpr Use kRareStages[] = {
    {3, [](RowPlan& row, double t) { row.params().typical_p = Between(.8, .98, t); }},
    {3, [](RowPlan& row, double t) { row.params().epsilon_cutoff = Between(1e-4, 2e-3, t); }},
    {3, [](RowPlan& row, double t) { row.params().eta_cutoff = Between(1e-4, 4e-3, t); }},
    {3, [](RowPlan& row, double t) { row.params().top_n_sigma = Between(1, 2, t); }},
    {3,
     [](RowPlan& row, double t) {
       row.params().xtc_probability = Between(.5, 1, t);
       row.params().xtc_threshold = Between(.05, .15, t);
     }},
    {2,
     [](RowPlan& row, double t) {
       row.params().mirostat = 1;
       row.state().mirostat_mu = Between(5, 10, t);
     }},
    {3,
     [](RowPlan& row, double t) {
       row.params().mirostat = 2;
       row.state().mirostat_mu = Between(4, 10, t);
     }},
    {3,
     [](RowPlan& row, double t) { row.params().dynamic_temperature_range = Between(.2, .5, t); }},
};

constexpr Use kOrders[] = {
    {5, [](RowPlan& row, double) { row.params().filter_order = kTemperatureLast; }},
    {4, [](RowPlan& row, double) { row.params().filter_order = kTopKTopPJointly; }},
};

// Row numbers in an order that belongs to `deal`.
std::vector<int> Shuffled(uint64_t deal) {
  std::vector<int> order(kPlannedRows);
  std::iota(order.begin(), order.end(), 0);
  std::mt19937_64 random(deal);
  std::shuffle(order.begin(), order.end(), random);
  return order;
}

// Each of the uses to as many rows as it says; no row gets two of them.
void Deal(std::span<const Use> uses, uint64_t deal, std::vector<RowPlan>& rows) {
  const std::vector<int> order = Shuffled(deal);
  size_t next = 0;
  for (const Use& use : uses) {
    for (int i = 0; i < use.rows; ++i) use.add(rows[order[next++]], double(i) / use.rows);
  }
}

}  // namespace

std::vector<RowPlan> MixedTemperatures(Shape shape) {
  std::vector<RowPlan> rows;
  rows.reserve(kPlannedRows);
  const std::vector<int> order = Shuffled(1);
  for (int i = 0; i < kPlannedRows; ++i) {
    rows.emplace_back(shape, i, Between(.5, 1.2, order[i] / (kPlannedRows - 1.0)));
  }
  return rows;
}

std::vector<RowPlan> MixedRows(Shape shape) {
  std::vector<RowPlan> rows = MixedTemperatures(shape);
  Deal(kTruncations, 2, rows);
  Deal(kPenalties, 3, rows);
  Deal(kMasks, 4, rows);
  Deal(kOtherEdits, 5, rows);
  Deal(kRareStages, 6, rows);
  Deal(kOrders, 7, rows);
  return rows;
}

}  // namespace boltzmann::bench
