// Rows of logits: their shape, their candidates, and their place in the batch.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "server/decode.h"
#include "server/status.h"

namespace boltzmann::server {
namespace {

constexpr char kSparseRows[] = "logits.sparse_rows.rows";

// Whether `size` bytes hold the rows exactly, with or without padding after the last.
// Computed so that nothing overflows.
bool Holds(uint64_t size, uint64_t row_count, uint64_t stride, uint64_t row_bytes) {
  const unsigned __int128 before_last = static_cast<unsigned __int128>(row_count - 1) * stride;
  return size == before_last + row_bytes || size == before_last + stride;
}

// The bytes of a row; sets the stride, and refuses one that is too short.
uint64_t CheckStride(const v1::Logits& logits, Decoding& decoding) {
  Shape& shape = decoding.shape;
  const uint64_t row_bytes = uint64_t{logits.vocab_size()} * core::SizeOf(shape.type);
  shape.stride = logits.row_stride_bytes() == 0 ? row_bytes : logits.row_stride_bytes();
  if (shape.stride < row_bytes) {
    decoding.Refuse("logits.row_stride_bytes",
                    absl::StrCat(shape.stride, " is less than a row of ", row_bytes, " bytes (",
                                 logits.vocab_size(), " x ", NameOf(logits.data_type()), ")"));
  }
  return row_bytes;
}

void CheckInlineData(const v1::Logits& logits, Decoding& decoding) {
  const uint64_t row_bytes = CheckStride(logits, decoding);
  Shape& shape = decoding.shape;
  shape.inline_data = decoding.surroundings.body.FindPayload(logits.inline_data());
  if (shape.stride < row_bytes) return;
  const uint64_t size = shape.inline_data.size;
  if (Holds(size, logits.row_count(), shape.stride, row_bytes)) return;
  decoding.Refuse(
      "logits.inline_data",
      absl::StrCat(size, " bytes are not ", logits.row_count(), " rows of ", logits.vocab_size(),
                   " x ", NameOf(logits.data_type()), ", ", shape.stride, " bytes apart"));
}

// Refuses rows that reach beyond their region. Nothing overflows.
void CheckBounds(const v1::Logits& logits, uint64_t row_bytes, Decoding& decoding) {
  const uint64_t offset = logits.shared_rows().offset_bytes();
  const uint64_t size = decoding.decoded.mapping->size();
  const unsigned __int128 end =
      static_cast<unsigned __int128>(logits.row_count() - 1) * decoding.shape.stride + row_bytes +
      offset;
  if (end <= size) return;
  decoding.Refuse(
      "logits.shared_rows.offset_bytes",
      absl::StrCat(offset, ": ", logits.row_count(), " rows of ", logits.vocab_size(), " x ",
                   NameOf(logits.data_type()), ", ", decoding.shape.stride,
                   " bytes apart, do not fit from there into a region of ", size, " bytes"));
}

void CheckSharedRows(const v1::Logits& logits, Decoding& decoding) {
  const uint64_t row_bytes = CheckStride(logits, decoding);
  if (decoding.surroundings.regions == nullptr) {
    decoding.source = absl::FailedPreconditionError(
        "logits.shared_rows: this server takes no shared memory: start it with "
        "--shared_memory_dir, or send inline_data");
    return;
  }
  auto mapping = decoding.surroundings.regions->Use(logits.shared_rows().region_id());
  if (!mapping.ok()) {
    decoding.source = absl::Status(mapping.status().code(),
                                   absl::StrCat("logits.shared_rows.", mapping.status().message()));
    return;
  }
  decoding.decoded.mapping = *std::move(mapping);
  CheckBounds(logits, row_bytes, decoding);
}

void CheckSource(const v1::Logits& logits, Decoding& decoding) {
  if (logits.source_case() == v1::Logits::SOURCE_NOT_SET) {
    decoding.Refuse("logits.source", "is not set: send inline_data, sparse_rows or shared_rows");
  }
  if (logits.has_shared_rows()) {
    RefuseUnknownFields(logits.shared_rows(), "logits.shared_rows", decoding);
  }
  if (!logits.has_sparse_rows()) return;
  RefuseUnknownFields(logits.sparse_rows(), "logits.sparse_rows", decoding);
  CheckEntries(kSparseRows, logits.sparse_rows().rows_size(), Entries::kEach, logits.row_count(),
               "row", decoding);
  if (logits.row_stride_bytes() != 0) {
    decoding.Refuse("logits.row_stride_bytes",
                    absl::StrCat(logits.row_stride_bytes(),
                                 " is set, but sparse rows lie nowhere: leave it out"));
  }
}

void CheckSparseRow(const v1::SparseRow& row, v1::DataType type, const std::string& path,
                    Decoding& decoding) {
  RefuseUnknownFields(row, path, decoding);
  const auto ids = SpanOf(row.token_ids());
  const std::string ids_path = path + ".token_ids";
  if (ids.empty()) decoding.Refuse(ids_path, "is empty: send at least one candidate");
  if (CheckTokens(ids, ids_path, decoding)) CheckDistinct(ids, ids_path, decoding);
  if (DecodeType(type) && row.logits().size() != ids.size() * core::SizeOf(decoding.shape.type)) {
    decoding.Refuse(path + ".logits", absl::StrCat(row.logits().size(), " bytes are not ",
                                                   ids.size(), " x ", NameOf(type)));
  }
  if (row.has_log_sum_exp() && !std::isfinite(row.log_sum_exp())) {
    decoding.Refuse(path + ".log_sum_exp",
                    absl::StrCat(row.log_sum_exp(), " is outside (-inf, inf)"));
  }
}

core::LogitRow LogitsOf(const v1::Logits& logits, size_t index, Decoding& decoding) {
  const Shape& shape = decoding.shape;
  const size_t begin = index * shape.stride;
  if (logits.has_inline_data()) {
    return RowIn(shape.inline_data, begin, shape.type, shape.vocab_size, decoding);
  }
  if (logits.has_shared_rows()) {
    const std::byte* first = decoding.decoded.mapping->data() + logits.shared_rows().offset_bytes();
    return core::LogitRow::Shared(first + begin, shape.type, shape.vocab_size);
  }
  const v1::SparseRow& row = logits.sparse_rows().rows(static_cast<int>(index));
  return core::LogitRow(row.logits().data(), shape.type, row.token_ids_size());
}

std::optional<core::Candidates> CandidatesOf(const v1::Logits& logits, size_t index,
                                             const Shape& shape) {
  if (!logits.has_sparse_rows()) return std::nullopt;
  const v1::SparseRow& row = logits.sparse_rows().rows(static_cast<int>(index));
  core::Candidates candidates{SpanOf(row.token_ids()), shape.vocab_size, std::nullopt};
  if (row.has_log_sum_exp()) candidates.log_sum_exp = row.log_sum_exp();
  return candidates;
}

// Refuses the first token that row `index` names and that is none of its candidates.
void CheckNamed(size_t index, Decoding& decoding) {
  const core::RowRequest& row = decoding.decoded.batch.rows[index];
  const auto& named = row.outputs->named_token_ids;
  if (!row.candidates || named.empty()) return;
  decoding.tokens.Resize(decoding.shape.vocab_size);
  for (int32_t id : row.candidates->token_ids) decoding.tokens.Add(id);
  const auto stranger = std::find_if_not(named.begin(), named.end(),
                                         [&](int32_t id) { return decoding.tokens.Has(id); });
  if (stranger != named.end()) {
    const size_t entry = row.outputs - decoding.decoded.outputs.data();
    const std::string field = Indexed("outputs", entry) + ".named_token_ids";
    decoding.Refuse(Indexed(field, stranger - named.begin()),
                    absl::StrCat(*stranger, " is no candidate of row ", index,
                                 ": name candidates only, or send that one too"));
  }
  decoding.tokens.Clear(row.candidates->token_ids);
}

absl::Status Exceeds(const char* what, uint64_t value, uint64_t limit, const char* flag) {
  return absl::ResourceExhaustedError(absl::StrCat(what, ": ", value,
                                                   " exceeds this server's limit of ", limit,
                                                   ": send less in one call, or raise --", flag));
}

}  // namespace

void DecodeShape(const v1::Logits& logits, Decoding& decoding) {
  constexpr uint32_t kMax = std::numeric_limits<int32_t>::max();
  RefuseUnknownFields(logits, "logits", decoding);
  const size_t before = decoding.violations.size();
  const auto check_count = [&](uint32_t count, const char* field) {
    const bool taken = 1 <= count && count <= kMax;
    if (!taken) decoding.Refuse(field, Outside(count, 1, kMax));
    return taken;
  };
  Shape& shape = decoding.shape;
  if (check_count(logits.vocab_size(), "logits.vocab_size")) shape.vocab_size = logits.vocab_size();
  if (check_count(logits.row_count(), "logits.row_count")) shape.row_count = logits.row_count();
  RefuseType(logits.data_type(), "logits.data_type", decoding);
  shape.type = DecodeType(logits.data_type()).value_or(shape.type);
  CheckSource(logits, decoding);
  if (decoding.violations.size() != before) return;
  if (logits.has_inline_data()) CheckInlineData(logits, decoding);
  if (logits.has_shared_rows()) CheckSharedRows(logits, decoding);
}

std::optional<core::DataType> DecodeType(v1::DataType type) {
  switch (type) {
    case v1::DATA_TYPE_FLOAT32:
      return core::DataType::kFloat32;
    case v1::DATA_TYPE_FLOAT16:
      return core::DataType::kFloat16;
    case v1::DATA_TYPE_BFLOAT16:
      return core::DataType::kBFloat16;
    default:
      return std::nullopt;
  }
}

void RefuseType(v1::DataType type, const std::string& field, Decoding& decoding) {
  if (DecodeType(type)) return;
  decoding.Refuse(field,
                  absl::StrCat(type, " is not one of FLOAT32 (1), FLOAT16 (2), BFLOAT16 (3)"));
}

absl::Status CheckSize(const Decoding& decoding) {
  const auto& [type, vocab_size, row_count, stride, inline_data] = decoding.shape;
  const Limits& limits = decoding.limits;
  if (!decoding.violations.empty()) return absl::OkStatus();
  if (static_cast<uint32_t>(row_count) > limits.max_row_count) {
    return Exceeds("logits.row_count", row_count, limits.max_row_count, "max_row_count");
  }
  if (static_cast<uint32_t>(vocab_size) > limits.max_vocab_size) {
    return Exceeds("logits.vocab_size", vocab_size, limits.max_vocab_size, "max_vocab_size");
  }
  return decoding.source;
}

void CheckSparseRows(const v1::Logits& logits, Decoding& decoding) {
  for (int i = 0; i < logits.sparse_rows().rows_size(); ++i) {
    CheckSparseRow(logits.sparse_rows().rows(i), logits.data_type(), Indexed(kSparseRows, i),
                   decoding);
  }
}

core::RowRequest& AddRow(const v1::Logits& logits, const core::SamplingParams& params,
                         const core::OutputOptions& outputs, const core::RowState& state,
                         Decoding& decoding) {
  auto& rows = decoding.decoded.batch.rows;
  return rows.emplace_back(
      core::RowRequest{.logits = LogitsOf(logits, rows.size(), decoding),
                       .params = &params,
                       .outputs = &outputs,
                       .state = state,
                       .candidates = CandidatesOf(logits, rows.size(), decoding.shape)});
}

core::LogitRow RowIn(const Extent& payload, size_t begin, core::DataType type, int32_t vocab_size,
                     Decoding& decoding) {
  const Body& body = decoding.surroundings.body;
  const Extent row = {payload.begin + begin, static_cast<size_t>(vocab_size) * core::SizeOf(type)};
  if (const std::byte* data = body.Contiguous(row)) return core::LogitRow(data, type, vocab_size);
  auto& pieces = decoding.decoded.pieces;
  pieces.push_back(body.Pieces(row));
  return core::LogitRow(pieces.back(), type, vocab_size);
}

absl::Status CheckRows(Decoding& decoding) {
  const auto& rows = decoding.decoded.batch.rows;
  const uint64_t listed = core::ListedTokens(rows);
  if (listed > decoding.limits.max_listed_tokens) {
    return Exceeds("tokens to list (drawn, top and named)", listed,
                   decoding.limits.max_listed_tokens, "max_listed_tokens");
  }
  for (size_t i = 0; i < rows.size(); ++i) CheckNamed(i, decoding);
  return decoding.violations.empty() ? absl::OkStatus() : BadRequest(decoding.violations);
}

const char* NameOf(v1::DataType type) {
  switch (type) {
    case v1::DATA_TYPE_FLOAT32:
      return "float32";
    case v1::DATA_TYPE_FLOAT16:
      return "float16";
    case v1::DATA_TYPE_BFLOAT16:
      return "bfloat16";
    case v1::DATA_TYPE_UNSPECIFIED:
      return "unspecified";
    default:
      return "unknown";
  }
}

}  // namespace boltzmann::server
