// What Sample, Score and Describe have in common, and what each has of its own.
#include "server/convert.h"

#include <numeric>

#include "absl/strings/str_cat.h"
#include "server/decode.h"
#include "server/status.h"

namespace boltzmann::server {
namespace {

// Begins a request that has params and states of its rows.
template <typename Request>
void Begin(const Request& request, Decoding& decoding) {
  RefuseUnknownFields(request, "request", decoding);
  DecodeShape(request.logits(), decoding);
  const uint32_t row_count = request.logits().row_count();
  CheckEntries("params", request.params_size(), Entries::kNoneOneOrEach, row_count, "row",
               decoding);
  CheckEntries("rows", request.rows_size(), Entries::kNoneOrEach, row_count, "row", decoding);
  DecodeParams(request.params(), decoding);
}

// The same of outputs, where the request has them.
template <typename Request>
void DecodeRowOutputs(const Request& request, Decoding& decoding) {
  CheckEntries("outputs", request.outputs_size(), Entries::kNoneOneOrEach,
               request.logits().row_count(), "row", decoding);
  DecodeOutputs(request.outputs(), decoding);
}

void DecodeStates(const google::protobuf::RepeatedPtrField<v1::RowState>& rows,
                  Decoding& decoding) {
  DecodedRequest& decoded = decoding.decoded;
  if (!decoding.violations.empty() && rows.empty()) return;  // nothing to check, no shape
  const int count = rows.empty() ? decoding.shape.row_count : rows.size();
  decoded.states.reserve(count);
  for (int i = 0; i < count; ++i) {
    const v1::RowState& state = rows.empty() ? v1::RowState::default_instance() : rows[i];
    decoded.states.push_back(
        DecodeState(state, EntryOf(decoded.params, i), Indexed("rows", i), decoding));
  }
}

void RefuseDrawCounts(const google::protobuf::RepeatedPtrField<v1::RowState>& rows,
                      Decoding& decoding) {
  for (int i = 0; i < rows.size(); ++i) {
    if (!rows[i].has_draw_count()) continue;
    decoding.Refuse(
        Indexed("rows", i) + ".draw_count",
        absl::StrCat(rows[i].draw_count(), " is set, but this method draws nothing: leave it out"));
  }
}

// Ends a request that was begun so: its states, and then its rows.
template <typename Request>
absl::Status End(const Request& request, Decoding& decoding) {
  if (absl::Status status = CheckSize(decoding); !status.ok()) return status;
  CheckSparseRows(request.logits(), decoding);
  DecodeStates(request.rows(), decoding);
  if (!decoding.violations.empty()) return BadRequest(decoding.violations);
  DecodedRequest& decoded = decoding.decoded;
  decoded.batch.rows.reserve(decoded.states.size());
  for (size_t i = 0; i < decoded.states.size(); ++i) {
    AddRow(request.logits(), EntryOf(decoded.params, i), EntryOf(decoded.outputs, i),
           decoded.states[i], decoding);
  }
  return CheckRows(decoding);
}

absl::Status DecodeSample(const v1::SampleRequest& request, Decoding& decoding) {
  Begin(request, decoding);
  DecodeRowOutputs(request, decoding);
  return End(request, decoding);
}

void CheckScore(const v1::ScoreRequest& request, Decoding& decoding) {
  RefuseDrawCounts(request.rows(), decoding);
  if (request.logits().has_sparse_rows()) {
    decoding.Refuse("logits.sparse_rows", "do not hold every token's logit: send inline_data");
  }
  CheckEntries("token_ids", request.token_ids_size(), Entries::kEach, request.logits().row_count(),
               "row", decoding);
  CheckTokens(SpanOf(request.token_ids()), "token_ids", decoding);
}

// The summary goes by model log-probs, whether the caller wants to see them or not.
void ReportModelLogprobs(DecodedRequest& decoded) {
  for (core::OutputOptions& outputs : decoded.outputs) {
    decoded.hides_model_logprobs.push_back(!outputs.model_logprobs);
    outputs.model_logprobs = true;
  }
}

void CheckDescribe(const v1::DescribeRequest& request, Decoding& decoding) {
  RefuseDrawCounts(request.rows(), decoding);
  const auto vocab_size = static_cast<uint32_t>(decoding.shape.vocab_size);
  if (request.top_count() > vocab_size) {
    decoding.Refuse("top_count", Outside(request.top_count(), 0, vocab_size));
  }
  if (request.all_tokens() && request.logits().has_sparse_rows()) {
    decoding.Refuse("all_tokens",
                    "is set, but sparse rows do not hold every token: leave it out, or send "
                    "inline_data");
  }
}

void AddDescribedOutputs(const v1::DescribeRequest& request, Decoding& decoding) {
  DecodedRequest& decoded = decoding.decoded;
  core::OutputOptions& outputs = decoded.outputs.emplace_back();
  outputs.entropy = outputs.kept_stats = outputs.stages = true;
  outputs.top_model_count = outputs.top_sampled_count = request.top_count();
  if (!request.all_tokens() || !HasVocabSize(decoding)) return;
  decoded.all_token_ids.resize(request.logits().vocab_size());
  std::iota(decoded.all_token_ids.begin(), decoded.all_token_ids.end(), 0);
  outputs.named_token_ids = decoded.all_token_ids;
}

}  // namespace

absl::Status CheckSource(const DecodedRequest& decoded) {
  return decoded.mapping == nullptr ? absl::OkStatus() : CheckWhole(*decoded.mapping);
}

absl::Status Decode(const v1::SampleRequest& request, const Surroundings& surroundings,
                    DecodedRequest& decoded) {
  Decoding decoding{surroundings, decoded};
  return DecodeSample(request, decoding);
}

absl::Status Decode(const v1::StreamSampleRequest& request, const Surroundings& surroundings,
                    DecodedRequest& decoded) {
  Decoding decoding{surroundings, decoded};
  RefuseUnknownFields(request, "StreamSampleRequest", decoding);
  return DecodeSample(request.request(), decoding);
}

absl::Status Decode(const v1::ScoreRequest& request, const Surroundings& surroundings,
                    DecodedRequest& decoded) {
  Decoding decoding{surroundings, decoded};
  Begin(request, decoding);
  DecodeRowOutputs(request, decoding);
  CheckScore(request, decoding);
  if (absl::Status status = End(request, decoding); !status.ok()) return status;
  ReportModelLogprobs(decoded);
  for (size_t i = 0; i < decoded.batch.rows.size(); ++i) {
    decoded.batch.rows[i].scored_token = request.token_ids(static_cast<int>(i));
  }
  decoded.batch.fit_temperature = request.fit_temperature();
  return absl::OkStatus();
}

absl::Status Decode(const v1::DescribeRequest& request, const Surroundings& surroundings,
                    DecodedRequest& decoded) {
  Decoding decoding{surroundings, decoded};
  Begin(request, decoding);
  CheckDescribe(request, decoding);
  AddDescribedOutputs(request, decoding);
  return End(request, decoding);
}

}  // namespace boltzmann::server
