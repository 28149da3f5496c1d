#include "tests/conformance/requests.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

namespace boltzmann::test {
namespace {

size_t SizeOf(v1::DataType type) { return type == v1::DATA_TYPE_FLOAT32 ? 4 : 2; }

// Logits in steps of 1/8 between -12 and 18, so that every type holds them exactly.
std::vector<float> MixedRow(int vocab_size, std::mt19937& random) {
  std::normal_distribution<float> background(0, 2.5);
  std::vector<float> row(vocab_size);
  for (float& logit : row) {
    logit = std::round(std::min(12.0f, std::max(-12.0f, background(random))) * 8) / 8;
    if (random() % 16 == 0) logit = -std::numeric_limits<float>::infinity();
  }
  for (int rank = 1; rank <= 20; ++rank) {
    row[random() % vocab_size] = std::round((16 - 1.5f * std::log(float(rank))) * 8) / 8;
  }
  return row;
}

uint16_t BFloat16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return static_cast<uint16_t>(bits >> 16);
}

// REQUIRES: the value is -infinity, or a multiple of 1/8 below 2^7.
uint16_t Float16(float value) {
  if (std::isinf(value)) return 0xFC00;
  if (value == 0) return 0;
  int exponent;
  const float fraction = std::frexp(std::fabs(value), &exponent);  // in [1/2, 1)
  const auto mantissa = static_cast<uint16_t>(fraction * 2048) & 0x3FF;
  return static_cast<uint16_t>((value < 0 ? 0x8000 : 0) | (exponent + 14) << 10 | mantissa);
}

std::string Narrowed(const std::vector<float>& row, v1::DataType type) {
  if (type == v1::DATA_TYPE_FLOAT32) return Bytes(row);
  std::vector<uint16_t> halves;
  for (float logit : row) {
    halves.push_back(type == v1::DATA_TYPE_FLOAT16 ? Float16(logit) : BFloat16(logit));
  }
  return Bytes(halves);
}

template <typename T>
T OneOf(std::initializer_list<T> choices, std::mt19937& random) {
  return choices.begin()[random() % choices.size()];
}

void AddMixedEntry(v1::SampleRequest& request, std::mt19937& random) {
  const auto vocab_size = static_cast<int>(request.logits().vocab_size());
  auto& params = *request.add_params();
  params.set_temperature(OneOf({0.0, 0.3, 0.7, 1.0, 1.0, 2.0}, random));
  params.set_min_p(OneOf({0.0, 0.0, 0.01}, random));
  params.set_top_k(OneOf({-1, 0, 1, 7, 50, vocab_size}, random));
  params.set_top_p(OneOf({0.1, 0.5, 0.9, 0.999, 1.0}, random));
  auto& outputs = *request.add_outputs();
  outputs.set_ranks(true);
  outputs.set_entropy(random() % 2 == 0);
  outputs.set_kept_stats(random() % 2 == 0);
  outputs.set_top_model_count(random() % std::min(20, vocab_size));
  outputs.set_top_sampled_count(random() % std::min(20, vocab_size));
  outputs.add_named_token_ids(static_cast<int>(random() % vocab_size));
  auto& row = *request.add_rows();
  row.set_seed(uint64_t{random()} << 32 | random());
  row.set_position(random());
  row.set_draw_count(1 + random() % 4);
}

}  // namespace

v1::SampleRequest RequestOf(const std::vector<std::vector<float>>& rows) {
  v1::SampleRequest request;
  auto& logits = *request.mutable_logits();
  logits.set_data_type(v1::DATA_TYPE_FLOAT32);
  logits.set_vocab_size(static_cast<uint32_t>(rows.front().size()));
  logits.set_row_count(static_cast<uint32_t>(rows.size()));
  for (const auto& row : rows) *logits.mutable_inline_data() += Bytes(row);
  return request;
}

v1::SampleRequest SparseRequestOf(const std::vector<std::vector<float>>& rows) {
  v1::SampleRequest request = RequestOf(rows);
  auto& sparse_rows = *request.mutable_logits()->mutable_sparse_rows();
  for (const auto& row : rows) {
    auto& sparse = *sparse_rows.add_rows();
    for (size_t id = row.size(); id-- > 0;) sparse.add_token_ids(static_cast<int32_t>(id));
    sparse.set_logits(Bytes(std::vector<float>(row.rbegin(), row.rend())));
  }
  return request;
}

v1::ScoreRequest ScoreRequestOf(const std::vector<std::vector<float>>& rows,
                                const std::vector<int32_t>& token_ids) {
  v1::ScoreRequest request;
  *request.mutable_logits() = RequestOf(rows).logits();
  request.mutable_token_ids()->Add(token_ids.begin(), token_ids.end());
  return request;
}

v1::VerifyRequest VerifyRequestOf(const std::vector<float>& row,
                                  const std::vector<std::vector<int32_t>>& drafted) {
  v1::VerifyRequest request;
  size_t row_count = 0;
  for (const auto& tokens : drafted) {
    row_count += tokens.size() + 1;
    auto& sequence = *request.add_sequences();
    sequence.mutable_draft_token_ids()->Add(tokens.begin(), tokens.end());
  }
  *request.mutable_logits() = RequestOf(std::vector<std::vector<float>>(row_count, row)).logits();
  return request;
}

v1::DescribeRequest DescribeRequestOf(const std::vector<std::vector<float>>& rows) {
  v1::DescribeRequest request;
  *request.mutable_logits() = RequestOf(rows).logits();
  return request;
}

v1::SampleRequest FullRequest(const std::vector<float>& row) {
  v1::SampleRequest request = RequestOf({row});
  auto& outputs = *request.add_outputs();
  outputs.set_ranks(true);
  outputs.set_entropy(true);
  outputs.set_kept_stats(true);
  outputs.set_top_model_count(static_cast<uint32_t>(row.size()));
  outputs.set_top_sampled_count(static_cast<uint32_t>(row.size()));
  for (size_t i = 0; i < row.size(); ++i) outputs.add_named_token_ids(static_cast<int>(i));
  request.add_rows()->set_seed(7);
  return request;
}

v1::SampleRequest MixedRequest(int row_count, int vocab_size, v1::DataType type, uint32_t seed) {
  std::mt19937 random(seed);
  v1::SampleRequest request;
  auto& logits = *request.mutable_logits();
  logits.set_data_type(type);
  logits.set_vocab_size(vocab_size);
  logits.set_row_count(row_count);
  for (int i = 0; i < row_count; ++i) {
    *logits.mutable_inline_data() += Narrowed(MixedRow(vocab_size, random), type);
    AddMixedEntry(request, random);
  }
  return request;
}

v1::SampleRequest OnlyRow(const v1::SampleRequest& request, int index) {
  v1::SampleRequest only;
  auto& logits = *only.mutable_logits();
  const size_t row_bytes = request.logits().vocab_size() * SizeOf(request.logits().data_type());
  logits.set_data_type(request.logits().data_type());
  logits.set_vocab_size(request.logits().vocab_size());
  logits.set_row_count(1);
  logits.set_inline_data(request.logits().inline_data().substr(index * row_bytes, row_bytes));
  *only.add_params() = request.params(index);
  *only.add_outputs() = request.outputs(index);
  *only.add_rows() = request.rows(index);
  return only;
}

}  // namespace boltzmann::test
