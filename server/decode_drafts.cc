// Verify: sequences with drafted tokens.
#include "absl/strings/str_cat.h"
#include "server/decode.h"
#include "server/status.h"

namespace boltzmann::server {
namespace {

// Each drafted token has a row, and each sequence one more.
void CheckRowCount(const v1::VerifyRequest& request, Decoding& decoding) {
  uint64_t drafted = 0;
  for (const v1::DraftSequence& sequence : request.sequences()) {
    drafted += sequence.draft_token_ids_size();
  }
  const uint64_t sequences = request.sequences_size();
  if (sequences == 0) decoding.Refuse("sequences", "is empty: send at least one");
  if (sequences == 0 || drafted + sequences == request.logits().row_count()) return;
  decoding.Refuse("logits.row_count",
                  absl::StrCat(request.logits().row_count(), " rows for ", sequences,
                               " sequences with ", drafted, " drafted tokens: send ",
                               drafted + sequences, ", one a token and one more a sequence"));
}

void CheckDense(const v1::DenseDraft& draft, int drafted, const std::string& path,
                Decoding& decoding) {
  RefuseUnknownFields(draft, path, decoding);
  RefuseType(draft.data_type(), path + ".data_type", decoding);
  const auto type = DecodeType(draft.data_type());
  if (!type || !HasVocabSize(decoding)) return;
  const int32_t vocab_size = decoding.shape.vocab_size;
  const size_t row_bytes = static_cast<size_t>(vocab_size) * core::SizeOf(*type);
  const size_t size = decoding.surroundings.body.FindPayload(draft.probabilities()).size;
  if (size == static_cast<unsigned __int128>(drafted) * row_bytes) return;
  decoding.Refuse(path + ".probabilities",
                  absl::StrCat(size, " bytes are not ", drafted, " rows of ", vocab_size, " x ",
                               NameOf(draft.data_type())));
}

void CheckSparse(const v1::SparseDraft& draft, const std::string& path, Decoding& decoding) {
  RefuseUnknownFields(draft, path, decoding);
  const auto ids = SpanOf(draft.token_ids());
  const std::string ids_path = path + ".token_ids";
  if (ids.empty()) decoding.Refuse(ids_path, "is empty: the drafted token has a probability");
  if (CheckTokens(ids, ids_path, decoding)) CheckDistinct(ids, ids_path, decoding);
  if (draft.probabilities_size() != draft.token_ids_size()) {
    decoding.Refuse(path + ".probabilities",
                    absl::StrCat(draft.probabilities_size(), " values for ", ids.size(),
                                 " token_ids: send one for each"));
  }
}

// A mask stands in for the state's, and is what that may be.
void CheckMask(const v1::TokenMask& mask, const std::string& path, Decoding& decoding) {
  RefuseUnknownFields(mask, path, decoding);
  if (!mask.has_words()) return;
  core::RowState state;
  state.allowed_token_mask = BytesOf(mask.words());
  std::vector<core::Violation> violations;
  core::Validate(state, core::SamplingParams(), decoding.shape.vocab_size, path, violations);
  for (core::Violation& violation : violations) {
    decoding.Refuse(path + ".words", std::move(violation.description));
  }
}

void CheckDraft(const v1::DraftSequence& sequence, const std::string& path, Decoding& decoding) {
  RefuseUnknownFields(sequence, path, decoding);
  CheckTokens(SpanOf(sequence.draft_token_ids()), path + ".draft_token_ids", decoding);
  const int drafted = sequence.draft_token_ids_size();
  const std::string sparse_path = path + ".sparse_draft";
  if (sequence.has_dense_draft()) {
    CheckDense(sequence.dense_draft(), drafted, path + ".dense_draft", decoding);
  }
  if (sequence.has_dense_draft() && sequence.sparse_draft_size() > 0) {
    decoding.Refuse(sparse_path, "is set beside dense_draft: send one of them");
  }
  CheckEntries(sparse_path, sequence.sparse_draft_size(), Entries::kNoneOrEach, drafted,
               "drafted token", decoding);
  for (int i = 0; i < sequence.sparse_draft_size(); ++i) {
    CheckSparse(sequence.sparse_draft(i), Indexed(sparse_path, i), decoding);
  }
  const std::string masks_path = path + ".masks";
  CheckEntries(masks_path, sequence.masks_size(), Entries::kNoneOrEach, drafted + 1, "position",
               decoding);
  for (int i = 0; i < sequence.masks_size(); ++i) {
    CheckMask(sequence.masks(i), Indexed(masks_path, i), decoding);
  }
}

void DecodeSequenceState(const v1::DraftSequence& sequence, size_t index, const std::string& path,
                         Decoding& decoding) {
  DecodedRequest& decoded = decoding.decoded;
  const core::RowState state =
      DecodeState(sequence.state(), EntryOf(decoded.params, index), path + ".state", decoding);
  if (state.draw_count > 1) {
    decoding.Refuse(
        path + ".state.draw_count",
        absl::StrCat(state.draw_count, " draws, but a position takes one token: leave it out"));
  }
  decoded.states.push_back(state);
}

// The output of the sequence, followed by its drafted tokens.
std::vector<int32_t> OutputWithDrafts(const v1::DraftSequence& sequence) {
  const auto output = SpanOf(sequence.state().output_token_ids());
  const auto drafted = SpanOf(sequence.draft_token_ids());
  std::vector<int32_t> all;
  all.reserve(output.size() + drafted.size());
  all.insert(all.end(), output.begin(), output.end());
  all.insert(all.end(), drafted.begin(), drafted.end());
  return all;
}

std::vector<core::Draft> DraftsOf(const v1::DraftSequence& sequence, Decoding& decoding) {
  const int32_t vocab_size = decoding.shape.vocab_size;
  const v1::DenseDraft& dense = sequence.dense_draft();
  const Extent probabilities = decoding.surroundings.body.FindPayload(dense.probabilities());
  const core::DataType type = DecodeType(dense.data_type()).value_or(core::DataType::kFloat32);
  const size_t row_bytes = static_cast<size_t>(vocab_size) * core::SizeOf(type);
  std::vector<core::Draft> drafts(sequence.draft_token_ids_size());
  for (size_t i = 0; i < drafts.size(); ++i) {
    drafts[i].token_id = sequence.draft_token_ids(static_cast<int>(i));
    if (sequence.has_dense_draft()) {
      drafts[i].dense = RowIn(probabilities, i * row_bytes, type, vocab_size, decoding);
    } else if (sequence.sparse_draft_size() > 0) {
      const v1::SparseDraft& sparse = sequence.sparse_draft(static_cast<int>(i));
      drafts[i].token_ids = SpanOf(sparse.token_ids());
      drafts[i].probabilities = SpanOf(sparse.probabilities());
    }
  }
  return drafts;
}

// The state of position `i` of a sequence whose first is `state`.
core::RowState StateAt(size_t i, const v1::DraftSequence& sequence, core::RowState state,
                       absl::Span<const int32_t> output_with_drafts) {
  state.position += i;
  state.output_token_ids = output_with_drafts.first(state.output_token_ids.size() + i);
  if (sequence.masks().empty()) return state;
  const v1::TokenMask& mask = sequence.masks(static_cast<int>(i));
  state.allowed_token_mask.reset();
  if (mask.has_words()) state.allowed_token_mask = BytesOf(mask.words());
  return state;
}

// REQUIRES: nothing was refused.
void AddSequence(const v1::VerifyRequest& request, size_t index, Decoding& decoding) {
  DecodedRequest& decoded = decoding.decoded;
  const v1::DraftSequence& sequence = request.sequences(static_cast<int>(index));
  decoded.outputs_with_drafts.push_back(OutputWithDrafts(sequence));
  decoded.drafts.push_back(DraftsOf(sequence, decoding));
  const auto& drafts = decoded.drafts.back();
  decoded.batch.sequences.push_back({decoded.batch.rows.size(), drafts});
  for (size_t i = 0; i <= drafts.size(); ++i) {
    AddRow(request.logits(), EntryOf(decoded.params, index), EntryOf(decoded.outputs, index),
           StateAt(i, sequence, decoded.states[index], decoded.outputs_with_drafts.back()),
           decoding);
  }
}

void DecodeSequences(const v1::VerifyRequest& request, Decoding& decoding) {
  decoding.decoded.states.reserve(request.sequences_size());
  for (int i = 0; i < request.sequences_size(); ++i) {
    const std::string path = Indexed("sequences", i);
    DecodeSequenceState(request.sequences(i), i, path, decoding);
    CheckDraft(request.sequences(i), path, decoding);
  }
}

}  // namespace

absl::Status Decode(const v1::VerifyRequest& request, const Surroundings& surroundings,
                    DecodedRequest& decoded) {
  Decoding decoding{surroundings, decoded};
  RefuseUnknownFields(request, "request", decoding);
  DecodeShape(request.logits(), decoding);
  const int sequences = request.sequences_size();
  CheckEntries("params", request.params_size(), Entries::kNoneOneOrEach, sequences, "sequence",
               decoding);
  CheckEntries("outputs", request.outputs_size(), Entries::kNoneOneOrEach, sequences, "sequence",
               decoding);
  DecodeParams(request.params(), decoding);
  DecodeOutputs(request.outputs(), decoding);
  CheckRowCount(request, decoding);
  if (absl::Status status = CheckSize(decoding); !status.ok()) return status;
  CheckSparseRows(request.logits(), decoding);
  DecodeSequences(request, decoding);
  if (!decoding.violations.empty()) return BadRequest(decoding.violations);
  decoded.batch.rows.reserve(decoding.shape.row_count);
  for (int i = 0; i < sequences; ++i) AddSequence(request, i, decoding);
  return CheckRows(decoding);
}

}  // namespace boltzmann::server
