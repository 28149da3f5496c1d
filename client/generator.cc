#include "client/generator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace boltzmann::client {

bool NeedsPrompt(const v1::SamplingParams& params) {
  if (params.has_repetition_penalty() && params.repetition_penalty() != 1) return true;
  if (params.dry_multiplier() != 0 || params.no_repeat_ngram_size() != 0) return true;
  for (const v1::TokenSequence& sequence : params.banned_sequences()) {
    if (sequence.token_ids_size() > 1) return true;
  }
  return false;
}

bool NeedsOutput(const v1::SamplingParams& params) {
  return NeedsPrompt(params) || params.frequency_penalty() != 0 || params.presence_penalty() != 0 ||
         params.min_tokens() != 0;
}

Generator::Generator(const Client& client, const NgramModel& model,
                     const v1::SamplingParams& params, std::vector<Sequence> sequences,
                     std::ostream* stream, SharedRing* ring)
    : client_(client),
      model_(model),
      params_(params),
      sequences_(std::move(sequences)),
      stream_(stream),
      ring_(ring) {
  if (!NeedsPrompt(params_)) return;
  for (Sequence& sequence : sequences_) {
    sequence.state.mutable_prompt_token_ids()->Add(sequence.tokens.begin(), sequence.tokens.end());
  }
}

absl::Status Generator::Run(uint32_t steps) {
  for (uint32_t position = 0; position < steps; ++position) {
    const std::vector<Sequence*> running = Running();
    if (running.empty()) break;
    if (absl::Status status = Step(position, running); !status.ok()) return status;
  }
  return absl::OkStatus();
}

std::vector<Sequence*> Generator::Running() {
  std::vector<Sequence*> running;
  for (Sequence& sequence : sequences_) {
    if (!sequence.ended) running.push_back(&sequence);
  }
  return running;
}

absl::Status Generator::Step(uint32_t position, absl::Span<Sequence* const> running) {
  for (Sequence* sequence : running) sequence->state.set_position(position);
  const absl::StatusOr<v1::SampleResponse> response =
      ring_ == nullptr ? CallInline(running) : CallShared(running);
  if (!response.ok()) return response.status();
  for (size_t i = 0; i < running.size(); ++i) {
    absl::Status status = Accept(response->results(static_cast<int>(i)), *running[i]);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

v1::SampleRequest Generator::MakeRequest(absl::Span<Sequence* const> running) const {
  v1::SampleRequest request;
  for (const Sequence* sequence : running) *request.add_rows() = sequence->state;
  v1::Logits& matrix = *request.mutable_logits();
  matrix.set_data_type(v1::DATA_TYPE_FLOAT32);
  matrix.set_vocab_size(static_cast<uint32_t>(model_.vocab_size()));
  matrix.set_row_count(static_cast<uint32_t>(running.size()));
  *request.add_params() = params_;
  request.add_outputs()->set_logprobs(v1::LOGPROB_MODE_NONE);
  return request;
}

void Generator::WriteLogits(absl::Span<Sequence* const> running, absl::Span<float> logits) const {
  const auto vocab_size = static_cast<size_t>(model_.vocab_size());
  for (size_t i = 0; i < running.size(); ++i) {
    model_.Logits(running[i]->tokens, logits.subspan(i * vocab_size, vocab_size));
  }
}

absl::StatusOr<v1::SampleResponse> Generator::CallInline(
    absl::Span<Sequence* const> running) const {
  std::vector<float> logits(running.size() * static_cast<size_t>(model_.vocab_size()));
  WriteLogits(running, absl::MakeSpan(logits));
  return client_.Sample(MakeRequest(running), PayloadOf(std::move(logits)));
}

absl::StatusOr<v1::SampleResponse> Generator::CallShared(
    absl::Span<Sequence* const> running) const {
  const absl::StatusOr<SharedRing::Slot> slot = ring_->Acquire(client_.connection().timeout);
  if (!slot.ok()) return slot.status();
  const absl::Span<std::byte> bytes = slot->bytes();
  WriteLogits(running,
              absl::MakeSpan(reinterpret_cast<float*>(bytes.data()), bytes.size() / sizeof(float)));
  v1::SampleRequest request = MakeRequest(running);
  *request.mutable_logits()->mutable_shared_rows() = slot->Rows();
  return client_.Sample(request);
}

absl::Status Generator::Accept(const v1::RowResult& result, Sequence& sequence) {
  const int32_t token = result.drawn().token_ids_size() == 1 ? result.drawn().token_ids(0) : -1;
  if (result.status() != v1::ROW_STATUS_OK || token < 0 || token >= model_.vocab_size()) {
    return absl::InternalError(
        absl::StrCat("no token was drawn for a sequence: ", v1::RowStatus_Name(result.status()),
                     ", token ", token, " of ", model_.vocab_size(), " ", result.message()));
  }
  sequence.tokens.push_back(token);
  UpdateState(result, token, sequence);
  const std::string piece = sequence.detokenizer.Append(model_.Word(token));
  sequence.text += piece;
  if (stream_ != nullptr) *stream_ << piece << std::flush;
  return absl::OkStatus();
}

void Generator::UpdateState(const v1::RowResult& result, int32_t token, Sequence& sequence) {
  sequence.state.set_seed(result.seed());
  if (result.has_mirostat_mu()) sequence.state.set_mirostat_mu(result.mirostat_mu());
  if (NeedsOutput(params_)) sequence.state.add_output_token_ids(token);
  const auto& stops = params_.stop_token_ids();
  sequence.ended = std::find(stops.begin(), stops.end(), token) != stops.end();
}

}  // namespace boltzmann::client
