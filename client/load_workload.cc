#include "client/load_workload.h"

#include <cmath>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include "client/sparse_rows.h"

namespace boltzmann::client {
namespace {

constexpr uint32_t kHead = 50;
constexpr float kHeadLogit = 18;

uint64_t StrideOf(const v1::Logits& logits) {
  return static_cast<uint64_t>(logits.vocab_size()) * SizeOf(logits.data_type());
}

// The request with only row `i` of a workload.
v1::SampleRequest OnlyRow(const LoadWorkload& workload, uint32_t i) {
  v1::SampleRequest request = workload.request;
  v1::Logits& logits = *request.mutable_logits();
  const uint64_t stride = StrideOf(logits);
  logits.set_row_count(1);
  if (logits.has_sparse_rows()) {
    const v1::SparseRow row = logits.sparse_rows().rows(static_cast<int>(i));
    logits.mutable_sparse_rows()->clear_rows();
    *logits.mutable_sparse_rows()->add_rows() = row;
  } else if (logits.has_shared_rows()) {
    logits.mutable_shared_rows()->set_offset_bytes(i * stride);
  } else {
    const char* data = static_cast<const char*>(workload.inline_data.data) + i * stride;
    logits.set_inline_data(data, stride);
  }
  if (request.params_size() > 1) {
    const v1::SamplingParams params = request.params(static_cast<int>(i));
    request.clear_params();
    *request.add_params() = params;
  }
  const v1::RowState state = request.rows(static_cast<int>(i));
  request.clear_rows();
  *request.add_rows() = state;
  return request;
}

}  // namespace

LogitMatrix MakeLogits(Shape shape, uint32_t row_count, uint32_t vocab_size) {
  std::mt19937 random(1);
  std::normal_distribution<float> noise(0, shape == Shape::kPeaked ? 2.5f : 1.0f);
  std::vector<float> logits(static_cast<size_t>(row_count) * vocab_size);
  for (float& logit : logits) logit = noise(random);
  for (uint32_t row = 0; shape == Shape::kPeaked && row < row_count; ++row) {
    for (uint32_t rank = 1; rank <= std::min(kHead, vocab_size); ++rank) {
      const size_t token = random() % vocab_size;
      logits[static_cast<size_t>(row) * vocab_size + token] =
          kHeadLogit - 1.3f * std::log(static_cast<float>(rank));
    }
  }
  LogitMatrix matrix{v1::DATA_TYPE_FLOAT32, row_count, vocab_size, ""};
  matrix.bytes.assign(reinterpret_cast<const char*>(logits.data()), logits.size() * sizeof(float));
  return matrix;
}

v1::SamplingParams MixedParams(uint32_t row) {
  v1::SamplingParams params;
  params.set_temperature(0.5 + 0.1 * (row % 7));
  if (row % 2 == 1) params.set_top_k(static_cast<int32_t>(20 + row % 60));
  if (row % 3 == 1) params.set_top_p(0.85 + 0.01 * (row % 13));
  if (row % 5 == 1) params.set_min_p(0.02 + 0.01 * (row % 8));
  return params;
}

v1::SampleRequest RequestWithoutLogits(const LogitMatrix& matrix, uint64_t seed) {
  v1::SampleRequest request;
  v1::Logits& logits = *request.mutable_logits();
  logits.set_data_type(matrix.data_type);
  logits.set_row_count(matrix.row_count);
  logits.set_vocab_size(matrix.vocab_size);
  for (uint32_t row = 0; row < matrix.row_count; ++row) request.add_rows()->set_seed(seed + row);
  return request;
}

LoadWorkload InlineWorkload(v1::SampleRequest request, LogitMatrix matrix) {
  const auto bytes = std::make_shared<const std::string>(std::move(matrix.bytes));
  return {std::move(request), {bytes->data(), bytes->size(), bytes}, nullptr, bytes->size()};
}

LoadWorkload SparseWorkload(v1::SampleRequest request, const LogitMatrix& matrix, uint32_t count) {
  *request.mutable_logits()->mutable_sparse_rows() = SelectCandidates(matrix, count);
  uint64_t bytes = 0;
  for (const v1::SparseRow& row : request.logits().sparse_rows().rows()) {
    bytes += row.logits().size() + sizeof(int32_t) * row.token_ids().size();
  }
  return {std::move(request), {}, nullptr, bytes};
}

absl::StatusOr<LoadWorkload> SharedWorkload(v1::SampleRequest request, const LogitMatrix& matrix,
                                            const Client& client, const std::string& directory) {
  auto region =
      SharedRegion::Create(client, {.directory = directory, .size_bytes = matrix.bytes.size()});
  if (!region.ok()) return region.status();
  std::memcpy((*region)->bytes().data(), matrix.bytes.data(), matrix.bytes.size());
  *request.mutable_logits()->mutable_shared_rows() = (*region)->At(0);
  return LoadWorkload{std::move(request), {}, *std::move(region), matrix.bytes.size()};
}

absl::StatusOr<v1::SampleResponse> ExpectedAnswer(const Client& client,
                                                  const LoadWorkload& workload) {
  v1::SampleResponse expected;
  for (uint32_t row = 0; row < workload.row_count(); ++row) {
    const auto response = client.Sample(OnlyRow(workload, row));
    if (!response.ok()) return response.status();
    *expected.add_results() = response->results(0);
  }
  return expected;
}

bool IsSameAnswer(const v1::SampleResponse& a, const v1::SampleResponse& b) {
  if (a.results_size() != b.results_size()) return false;
  for (int row = 0; row < a.results_size(); ++row) {
    if (a.results(row).status() != b.results(row).status()) return false;
    // Packed, the bytes of the log-probs' bits.
    if (a.results(row).drawn().SerializeAsString() != b.results(row).drawn().SerializeAsString()) {
      return false;
    }
  }
  return true;
}

}  // namespace boltzmann::client
