#include "client/generator.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"

namespace boltzmann::client {

Generator::Generator(const Client& client, const NgramModel& model,
                     const v1::SamplingParams& params, std::vector<Sequence> sequences,
                     std::ostream* stream)
    : client_(client),
      model_(model),
      params_(params),
      sequences_(std::move(sequences)),
      stream_(stream) {}

absl::Status Generator::Run(uint32_t steps) {
  for (uint32_t position = 0; position < steps; ++position) {
    if (absl::Status status = Step(position); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Generator::Step(uint32_t position) {
  for (Sequence& sequence : sequences_) sequence.state.set_position(position);
  const absl::StatusOr<v1::SampleResponse> response = client_.Sample(MakeRequest());
  if (!response.ok()) return response.status();
  for (size_t i = 0; i < sequences_.size(); ++i) {
    absl::Status status = Accept(response->results(static_cast<int>(i)), sequences_[i]);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

v1::SampleRequest Generator::MakeRequest() const {
  const auto vocab_size = static_cast<size_t>(model_.vocab_size());
  std::vector<float> logits(sequences_.size() * vocab_size);
  v1::SampleRequest request;
  for (size_t i = 0; i < sequences_.size(); ++i) {
    model_.Logits(sequences_[i].tokens, absl::MakeSpan(logits).subspan(i * vocab_size, vocab_size));
    *request.add_rows() = sequences_[i].state;
  }
  v1::Logits& matrix = *request.mutable_logits();
  matrix.set_data_type(v1::DATA_TYPE_FLOAT32);
  matrix.set_vocab_size(static_cast<uint32_t>(vocab_size));
  matrix.set_row_count(static_cast<uint32_t>(sequences_.size()));
  matrix.set_inline_data(logits.data(), logits.size() * sizeof(float));
  *request.add_params() = params_;
  request.add_outputs()->set_logprobs(v1::LOGPROB_MODE_NONE);
  return request;
}

absl::Status Generator::Accept(const v1::RowResult& result, Sequence& sequence) {
  const int32_t token = result.drawn().token_ids_size() == 1 ? result.drawn().token_ids(0) : -1;
  if (result.status() != v1::ROW_STATUS_OK || token < 0 || token >= model_.vocab_size()) {
    return absl::InternalError(
        absl::StrCat("no token was drawn for a sequence: ", v1::RowStatus_Name(result.status()),
                     ", token ", token, " of ", model_.vocab_size(), " ", result.message()));
  }
  sequence.state.set_seed(result.seed());
  sequence.tokens.push_back(token);
  const std::string piece = sequence.detokenizer.Append(model_.Word(token));
  sequence.text += piece;
  if (stream_ != nullptr) *stream_ << piece << std::flush;
  return absl::OkStatus();
}

}  // namespace boltzmann::client
