#include "tests/client/fake_server.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace boltzmann::test {

namespace {

// Of a call's metadata; empty if it has none of this name.
std::string MetadataOf(const grpc::ServerContext& context, const char* name) {
  const auto found = context.client_metadata().find(name);
  if (found == context.client_metadata().end()) return "";
  return std::string(found->second.data(), found->second.size());
}

}  // namespace

void FakeService::Keep(const grpc::ServerContext& context) {
  std::lock_guard<std::mutex> lock(mutex_);
  deadlines_.push_back(context.deadline());
  callers_.push_back(MetadataOf(context, "boltzmann-caller"));
  authorizations_.push_back(MetadataOf(context, "authorization"));
}

grpc::Status FakeService::StreamSample(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<v1::StreamSampleResponse, v1::StreamSampleRequest>* stream) {
  Keep(*context);
  for (v1::StreamSampleRequest request; stream->Read(&request);) {
    v1::StreamSampleResponse response;
    const grpc::Status status =
        sample_.Call(*context, request.request(), *response.mutable_response());
    if (!status.ok()) {
      response.mutable_error()->ParseFromString(status.error_details());
      response.mutable_error()->set_code(status.error_code());
      response.mutable_error()->set_message(status.error_message());
    }
    stream->Write(response);
  }
  return grpc::Status::OK;
}

std::vector<float> InlineLogits(const v1::SampleRequest& request) {
  const std::string& bytes = request.logits().inline_data();
  std::vector<float> logits(bytes.size() / sizeof(float));
  if (!logits.empty()) std::memcpy(logits.data(), bytes.data(), logits.size() * sizeof(float));
  return logits;
}

grpc::Status AnswerGreedily(grpc::ServerContext&, const v1::SampleRequest& request,
                            v1::SampleResponse& response) {
  std::vector<float> logits = InlineLogits(request);
  const auto vocab_size = static_cast<int>(request.logits().vocab_size());
  logits.resize(size_t{request.logits().row_count()} * request.logits().vocab_size());
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

grpc::Status ScoreEveryRow(grpc::ServerContext&, const v1::ScoreRequest& request,
                           v1::ScoreResponse& response) {
  for (uint32_t row = 0; row < request.logits().row_count(); ++row) {
    response.add_results()->set_status(v1::ROW_STATUS_OK);
  }
  return grpc::Status::OK;
}

grpc::Status DescribeEveryRow(grpc::ServerContext&, const v1::DescribeRequest& request,
                              v1::DescribeResponse& response) {
  for (uint32_t row = 0; row < request.logits().row_count(); ++row) {
    response.add_descriptions()->set_status(v1::ROW_STATUS_OK);
  }
  return grpc::Status::OK;
}

grpc::Status AcceptEveryDraft(grpc::ServerContext&, const v1::VerifyRequest& request,
                              v1::VerifyResponse& response) {
  for (const v1::DraftSequence& sequence : request.sequences()) {
    response.add_results()->set_accepted_count(sequence.draft_token_ids_size());
  }
  return grpc::Status::OK;
}

FakeService::Answer AnswerGreedilyFrom(FakeRegions& regions) {
  return [&regions](grpc::ServerContext& context, const v1::SampleRequest& request,
                    v1::SampleResponse& response) {
    const std::optional<v1::SampleRequest> inlined = regions.Inlined(request);
    if (inlined) return AnswerGreedily(context, *inlined, response);
    return grpc::Status(grpc::NOT_FOUND, "logits.shared_rows.region_id: there is no such region");
  };
}

FakeService::Answer AnswerAlways(const grpc::Status& status) {
  return [status](grpc::ServerContext&, const v1::SampleRequest&, v1::SampleResponse&) {
    return status;
  };
}

}  // namespace boltzmann::test
