#include "tests/client/fake_server.h"

#include <algorithm>
#include <cstring>

namespace boltzmann::test {

std::vector<float> InlineLogits(const v1::SampleRequest& request) {
  const std::string& bytes = request.logits().inline_data();
  std::vector<float> logits(bytes.size() / sizeof(float));
  std::memcpy(logits.data(), bytes.data(), logits.size() * sizeof(float));
  return logits;
}

grpc::Status AnswerGreedily(grpc::ServerContext&, const v1::SampleRequest& request,
                            v1::SampleResponse& response) {
  const std::vector<float> logits = InlineLogits(request);
  const auto vocab_size = static_cast<int>(request.logits().vocab_size());
  const auto rows = static_cast<int>(request.logits().row_count());
  for (int row = 0; row < rows; ++row) {
    const auto begin = logits.begin() + row * vocab_size;
    const bool seeded = row < request.rows_size() && request.rows(row).has_seed();
    v1::RowResult& result = *response.add_results();
    result.set_status(v1::ROW_STATUS_OK);
    result.set_seed(seeded ? request.rows(row).seed() : 1000 + row);
    result.mutable_drawn()->add_token_ids(
        static_cast<int32_t>(std::max_element(begin, begin + vocab_size) - begin));
    result.mutable_drawn()->add_model_logprobs(-0.25f);
  }
  return grpc::Status::OK;
}

FakeService::Answer AnswerAlways(const grpc::Status& status) {
  return [status](grpc::ServerContext&, const v1::SampleRequest&, v1::SampleResponse&) {
    return status;
  };
}

v1::SampleRequest ZeroLogits(uint32_t rows, uint32_t vocab_size) {
  v1::SampleRequest request;
  request.mutable_logits()->set_data_type(v1::DATA_TYPE_FLOAT32);
  request.mutable_logits()->set_row_count(rows);
  request.mutable_logits()->set_vocab_size(vocab_size);
  request.mutable_logits()->set_inline_data(std::string(size_t{4} * rows * vocab_size, '\0'));
  return request;
}

}  // namespace boltzmann::test
