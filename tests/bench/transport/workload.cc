#include "tests/bench/transport/workload.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "tests/bench/check.h"
#include "tests/bench/presets.h"
#include "tests/bench/rows.h"

namespace boltzmann::bench {
namespace {

constexpr int kMostRows = 256;

const Preset& DenseSampler() { return PresetNamed("top_p_9"); }
const Preset& SparseSampler() { return PresetNamed("top_k_50"); }

const Rows& RowsOf(core::DataType type) {
  return SharedRows(Shape::kPeaked, type, kVocabSize, kMostRows);
}

v1::DataType ToProto(core::DataType type) {
  switch (type) {
    case core::DataType::kFloat32:
      return v1::DATA_TYPE_FLOAT32;
    case core::DataType::kFloat16:
      return v1::DATA_TYPE_FLOAT16;
    case core::DataType::kBFloat16:
      return v1::DATA_TYPE_BFLOAT16;
  }
  return v1::DATA_TYPE_UNSPECIFIED;
}

// Everything but the logits and the rows.
v1::SampleRequest RequestOf(const Preset& preset, core::DataType type, int row_count) {
  v1::SampleRequest request;
  request.mutable_logits()->set_data_type(ToProto(type));
  request.mutable_logits()->set_vocab_size(kVocabSize);
  request.mutable_logits()->set_row_count(row_count);
  v1::SamplingParams& params = *request.add_params();
  params.set_temperature(preset.params.temperature);
  params.set_top_k(preset.params.top_k);
  params.set_top_p(preset.params.top_p);
  request.add_outputs()->set_logprobs(v1::LOGPROB_MODE_BOTH);
  return request;
}

// The tokens of the largest logits, the largest first.
std::vector<int32_t> LargestTokens(const float* logits) {
  std::vector<int32_t> token_ids(kVocabSize);
  std::iota(token_ids.begin(), token_ids.end(), 0);
  std::partial_sort(token_ids.begin(), token_ids.begin() + kCandidateCount, token_ids.end(),
                    [logits](int32_t a, int32_t b) {
                      return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
                    });
  token_ids.resize(kCandidateCount);
  return token_ids;
}

}  // namespace

Workload::Workload(core::DataType type, int row_count)
    : request_(RequestOf(DenseSampler(), type, row_count)) {
  const Rows& rows = RowsOf(type);
  bytes_ = static_cast<size_t>(row_count) * kVocabSize * core::SizeOf(type);
  dense_ = {.data = rows.data(0), .size = bytes_, .owner = nullptr};
  for (int row = 0; row < row_count; ++row) {
    AddRow({.logits = rows.row(row),
            .params = &DenseSampler().params,
            .outputs = &DenseSampler().outputs,
            .state = StateOf(row)});
  }
}

std::unique_ptr<Workload> Workload::Sparse(int row_count) {
  std::unique_ptr<Workload> sparse(new Workload);
  sparse->request_ = RequestOf(SparseSampler(), core::DataType::kFloat32, row_count);
  sparse->largest_.reserve(row_count);
  const Rows& rows = RowsOf(core::DataType::kFloat32);
  for (int row = 0; row < row_count; ++row) {
    const auto* all = static_cast<const float*>(rows.data(row));
    Largest& largest = sparse->largest_.emplace_back();
    largest.token_ids = LargestTokens(all);
    for (const int32_t token : largest.token_ids) largest.logits.push_back(all[token]);
    v1::SparseRow& sent = *sparse->request_.mutable_logits()->mutable_sparse_rows()->add_rows();
    sent.mutable_token_ids()->Assign(largest.token_ids.begin(), largest.token_ids.end());
    sent.set_logits(largest.logits.data(), largest.logits.size() * sizeof(float));
    sent.set_log_sum_exp(rows.log_total(row));
    sparse->bytes_ += kCandidateCount * (sizeof(float) + sizeof(int32_t));
    sparse->AddRow({.logits = {largest.logits.data(), core::DataType::kFloat32, kCandidateCount},
                    .params = &SparseSampler().params,
                    .outputs = &SparseSampler().outputs,
                    .state = StateOf(row),
                    .candidates = core::Candidates{.token_ids = largest.token_ids,
                                                   .vocab_size = kVocabSize,
                                                   .log_sum_exp = rows.log_total(row)}});
  }
  return sparse;
}

void Workload::AddRow(const core::RowRequest& row) {
  batch_.rows.push_back(row);
  v1::RowState& state = *request_.add_rows();
  state.set_seed(row.state.seed);
  state.set_position(row.state.position);
}

std::string Workload::Sample(core::Engine& engine) {
  if (absl::Status status = engine.Sample(batch_); !status.ok()) return status.ToString();
  for (const core::RowResult& result : batch_.results.rows()) {
    if (result.status != core::RowStatus::kOk) return core::Explain(result);
  }
  return "";
}

std::string Workload::Check(const v1::SampleResponse& response) const {
  if (response.results_size() != row_count()) return "the answer has another number of rows";
  for (int row = 0; row < row_count(); ++row) {
    const core::TokenTable& drawn = batch_.results.rows()[row].drawn;
    const v1::TokenTable& got = response.results(row).drawn();
    if (!std::ranges::equal(got.token_ids(), drawn.token_ids) ||
        !std::ranges::equal(got.model_logprobs(), drawn.model_logprobs) ||
        !std::ranges::equal(got.sampled_logprobs(), drawn.sampled_logprobs)) {
      return "row " + std::to_string(row) + " is not answered as by the engine in process";
    }
  }
  return "";
}

}  // namespace boltzmann::bench
