#include "tests/bench/samplers.h"

namespace boltzmann::bench {
namespace {

using core::Stage;

// Temperature last, as llama.cpp has it.
constexpr Stage kTemperatureLast[] = {Stage::kTopNSigma,  Stage::kTopK, Stage::kTypicalP,
                                      Stage::kTopP,       Stage::kMinP, Stage::kXtc,
                                      Stage::kTemperature};
constexpr Stage kJointly[] = {Stage::kTemperature, Stage::kTopKTopP};

void MirostatOf(uint32_t version, RowPlan& row) {
  row.params().mirostat = version;
  row.params().mirostat_tau = 5;
}

void DynamicTemperature(RowPlan& row) { row.params().dynamic_temperature_range = .3; }

void Dry(size_t history, RowPlan& row) {
  row.Continue(history - 500, 500);
  row.UseDry(.8);
}

void Penalties(RowPlan& row) {
  row.Continue(0, 500);
  row.params().repetition_penalty = 1.1;
  row.params().frequency_penalty = .2;
  row.params().presence_penalty = .3;
}

void Repetition(size_t history, RowPlan& row) {
  row.Continue(history - 500, 500);
  row.params().repetition_penalty = 1.1;
}

constexpr Sampler kSamplers[] = {
    {"temperature", [](RowPlan&) {}},
    {"top_n_sigma_1", [](RowPlan& row) { row.params().top_n_sigma = 1; }},
    {"min_p_05", [](RowPlan& row) { row.params().min_p = .05; }},
    {"top_k_50", [](RowPlan& row) { row.params().top_k = 50; }},
    {"top_p_9", [](RowPlan& row) { row.params().top_p = .9; }},
    {"top_k_top_p",
     [](RowPlan& row) {
       row.params().top_k = 50;
       row.params().top_p = .9;
       row.params().filter_order = kJointly;
     }},
    {"typical_p_9", [](RowPlan& row) { row.params().typical_p = .9; }},
    {"top_k_50_typical_p_9",
     [](RowPlan& row) {
       row.params().top_k = 50;
       row.params().typical_p = .9;
     }},
    {"epsilon", [](RowPlan& row) { row.params().epsilon_cutoff = 3e-4; }},
    {"eta", [](RowPlan& row) { row.params().eta_cutoff = 3e-4; }},
    {"top_k_50_eta",
     [](RowPlan& row) {
       row.params().top_k = 50;
       row.params().eta_cutoff = 3e-4;
     }},
    {"xtc", [](RowPlan& row) { row.params().xtc_probability = 1; }},
    {"mirostat_1", [](RowPlan& row) { MirostatOf(1, row); }},
    {"mirostat_2", [](RowPlan& row) { MirostatOf(2, row); }},
    {"dynamic_temperature", DynamicTemperature},
    {"dynamic_temperature_min_p",
     [](RowPlan& row) {
       DynamicTemperature(row);
       row.params().min_p = .05;
     }},
    {"top_k_50_dynamic_temperature",
     [](RowPlan& row) {
       row.params().top_k = 50;
       DynamicTemperature(row);
       row.params().filter_order = kTemperatureLast;
     }},
    {"temperature_last",
     [](RowPlan& row) {
       row.params().top_k = 40;
       row.params().top_p = .95;
       row.params().min_p = .05;
       row.params().filter_order = kTemperatureLast;
     }},
    {"penalties_500", Penalties},
    {"penalties_500_top_p_9",
     [](RowPlan& row) {
       Penalties(row);
       row.params().top_p = .9;
     }},
    {"repetition_2500", [](RowPlan& row) { Repetition(2500, row); }},
    {"repetition_100000", [](RowPlan& row) { Repetition(100'000, row); }},
    {"dry_2500", [](RowPlan& row) { Dry(2500, row); }},
    {"dry_100000", [](RowPlan& row) { Dry(100'000, row); }},
    {"no_repeat_3_gram_2500",
     [](RowPlan& row) {
       row.Continue(2000, 500);
       row.params().no_repeat_ngram_size = 3;
     }},
    {"bias_300", [](RowPlan& row) { row.AddBias(300); }},
    {"banned_300", [](RowPlan& row) { row.Ban(300); }},
    {"banned_sequences_300",
     [](RowPlan& row) {
       row.Continue(2000, 500);
       row.BanSequences(300);
     }},
    {"min_tokens",
     [](RowPlan& row) {
       row.Continue(2000, 500);
       row.HoldStops();
     }},
    {"allowed_100", [](RowPlan& row) { row.AllowOnly(100); }},
    {"mask_half", [](RowPlan& row) { row.Mask(.5); }},
    {"mask_nearly_all", [](RowPlan& row) { row.Mask(.99); }},
    {"mask_50", [](RowPlan& row) { row.MaskAllBut(50); }},
};

}  // namespace

std::span<const Sampler> Samplers() { return kSamplers; }

}  // namespace boltzmann::bench
