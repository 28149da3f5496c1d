#include "client/describe_calls.h"

#include <algorithm>
#include <utility>

namespace boltzmann::client {
namespace {

using Names = std::vector<std::string>;

// The stages that left fewer tokens than the one before did, in order. Of the first nothing is
// known, so it counts as one.
void AddRemovers(const v1::RowDescription& row, Names& removers) {
  for (int i = 0; i < row.stages_size(); ++i) {
    const std::string& stage = row.stages(i).stage();
    if (i > 0 && row.stages(i).token_count() == row.stages(i - 1).token_count()) continue;
    if (i == 0 && stage == "temperature" && row.stages(i).mass() == 1) continue;
    if (std::find(removers.begin(), removers.end(), stage) == removers.end()) {
      removers.push_back(stage);
    }
  }
}

// All stages that are on. Rows of a call differ in "edits" at most.
Names StageNames(const v1::DescribeResponse& response) {
  Names longest;
  for (const v1::RowDescription& row : response.descriptions()) {
    if (row.stages_size() <= static_cast<int>(longest.size())) continue;
    longest.clear();
    for (const v1::StageReport& stage : row.stages()) longest.push_back(stage.stage());
  }
  return longest;
}

// Those of `stages` that removed tokens of any row, in their order.
Names Removers(const v1::DescribeResponse& response, const Names& stages) {
  Names found;
  for (const v1::RowDescription& row : response.descriptions()) AddRemovers(row, found);
  Names ordered;
  for (const std::string& stage : stages) {
    if (std::find(found.begin(), found.end(), stage) != found.end()) ordered.push_back(stage);
  }
  return ordered;
}

void TurnOff(const std::string& stage, v1::SamplingParams& params) {
  if (stage == "top_n_sigma") params.clear_top_n_sigma();
  if (stage == "min_p") params.clear_min_p();
  if (stage == "top_k" || stage == "top_k_top_p") params.clear_top_k();
  if (stage == "top_p" || stage == "top_k_top_p") params.clear_top_p();
  if (stage == "typical_p") params.clear_typical_p();
  if (stage == "epsilon_cutoff") params.clear_epsilon_cutoff();
  if (stage == "eta_cutoff") params.clear_eta_cutoff();
  if (stage == "xtc") params.clear_xtc_probability();
  if (stage == "mirostat") params.clear_mirostat();
  if (stage != "temperature") return;
  params.clear_temperature();
  params.clear_dynamic_temperature_range();
}

v1::SamplingParams UpTo(const std::string& stage, const Names& stages, v1::SamplingParams params) {
  auto after = std::find(stages.begin(), stages.end(), stage);
  while (++after < stages.end()) TurnOff(*after, params);
  return params;
}

v1::SampleRequest SampleOf(const v1::DescribeRequest& request) {
  v1::SampleRequest sample;
  *sample.mutable_logits() = request.logits();
  *sample.mutable_params() = request.params();
  *sample.mutable_rows() = request.rows();
  v1::OutputOptions& outputs = *sample.add_outputs();
  outputs.set_logprobs(v1::LOGPROB_MODE_BOTH);
  outputs.set_top_model_count(request.top_count());
  return sample;
}

absl::Status AskAfterEach(const Client& client, const v1::DescribeRequest& request,
                          v1::SampleRequest sample, DescribeAnswers& answers) {
  const Names stages = StageNames(answers.descriptions);
  const Names removers = Removers(answers.descriptions, stages);
  if (!removers.empty()) answers.last_stage = removers.back();
  for (size_t i = 0; i + 1 < removers.size(); ++i) {
    *sample.mutable_params(0) = UpTo(removers[i], stages, request.params(0));
    auto response = client.Sample(sample);
    if (!response.ok()) return response.status();
    answers.after.push_back({removers[i], *std::move(response)});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DescribeAnswers> AskForRows(const Client& client, const v1::DescribeRequest& request,
                                           uint32_t draws) {
  DescribeAnswers answers;
  auto descriptions = client.Describe(request);
  if (!descriptions.ok()) return descriptions.status();
  answers.descriptions = *std::move(descriptions);
  if (request.top_count() == 0 && draws == 0) return answers;

  v1::SampleRequest sample = SampleOf(request);
  sample.mutable_outputs(0)->set_top_sampled_count(request.top_count());
  for (v1::RowState& row : *sample.mutable_rows()) row.set_draw_count(std::max(draws, 1u));
  auto response = client.Sample(sample);
  if (!response.ok()) return response.status();
  answers.sample = *std::move(response);

  sample.mutable_outputs(0)->set_top_sampled_count(0);
  for (v1::RowState& row : *sample.mutable_rows()) row.clear_draw_count();
  absl::Status status = AskAfterEach(client, request, std::move(sample), answers);
  if (!status.ok()) return status;
  return answers;
}

}  // namespace boltzmann::client
