#include "server/convert.h"

#include <sys/random.h>

#include <limits>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/status.h"

namespace boltzmann::server {
namespace {

using Violations = std::vector<core::Violation>;

std::string Indexed(const char* field, int index) { return absl::StrCat(field, "[", index, "]"); }

std::string Outside(uint64_t value, uint64_t low, uint64_t high) {
  return absl::StrCat(value, " is outside [", low, ", ", high, "]");
}

// A field that this server does not know would change what its caller gets, were it
// known: so it is refused, not skipped.
void RefuseUnknownFields(const google::protobuf::Message& message, const std::string& path,
                         Violations& violations) {
  const auto& unknown = message.GetReflection()->GetUnknownFields(message);
  if (unknown.empty()) return;
  violations.push_back(
      {path, absl::StrCat("field number ", unknown.field(0).number(),
                          " is not known to this server (version " BOLTZMANN_VERSION
                          "): leave it out, or call a newer server")});
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

core::SamplingParams DecodeParams(const v1::SamplingParams& from) {
  core::SamplingParams to;
  if (from.has_temperature()) to.temperature = from.temperature();
  to.min_p = from.min_p();
  to.top_k = from.top_k();
  if (from.has_top_p()) to.top_p = from.top_p();
  return to;
}

core::OutputOptions DecodeOutputs(const v1::OutputOptions& from, const std::string& path,
                                  Violations& violations) {
  const v1::LogprobMode mode = from.logprobs();
  if (!v1::LogprobMode_IsValid(mode)) {
    violations.push_back({path + ".logprobs", absl::StrCat(mode, " is not a LogprobMode")});
  }
  core::OutputOptions to;
  to.model_logprobs = mode != v1::LOGPROB_MODE_NONE && mode != v1::LOGPROB_MODE_SAMPLED;
  to.sampled_logprobs = mode != v1::LOGPROB_MODE_NONE && mode != v1::LOGPROB_MODE_MODEL;
  to.ranks = from.ranks();
  to.entropy = from.entropy();
  to.kept_stats = from.kept_stats();
  to.top_model_count = from.top_model_count();
  to.top_sampled_count = from.top_sampled_count();
  to.named_token_ids = absl::MakeConstSpan(from.named_token_ids().data(),
                                           static_cast<size_t>(from.named_token_ids().size()));
  return to;
}

core::RowState DecodeState(const v1::RowState& from, const std::string& path,
                           Violations& violations) {
  core::RowState to;
  to.seed = from.seed();
  if (!from.has_seed() && getentropy(&to.seed, sizeof(to.seed)) != 0) {
    violations.push_back(
        {path + ".seed", "is not set, and the system's random source is out of reach: send one"});
  }
  to.position = from.position();
  if (from.has_draw_count()) to.draw_count = from.draw_count();
  return to;
}

// The shape of the batch. Valid only where no violation was found.
struct Shape {
  core::DataType type = core::DataType::kFloat32;
  int32_t vocab_size = 1;
  int32_t row_count = 1;
  uint64_t stride = 0;  // bytes
};

// Whether `size` bytes hold the rows exactly, with or without padding after the last.
// Computed so that nothing overflows.
bool Holds(uint64_t size, uint64_t row_count, uint64_t stride, uint64_t row_bytes) {
  const unsigned __int128 before_last = static_cast<unsigned __int128>(row_count - 1) * stride;
  return size == before_last + row_bytes || size == before_last + stride;
}

void CheckData(const v1::Logits& logits, Shape& shape, Violations& violations) {
  const uint64_t row_bytes = uint64_t{logits.vocab_size()} * core::SizeOf(shape.type);
  shape.stride = logits.row_stride_bytes() == 0 ? row_bytes : logits.row_stride_bytes();
  const uint64_t size = logits.inline_data().size();
  if (shape.stride < row_bytes) {
    violations.push_back(
        {"logits.row_stride_bytes",
         absl::StrCat(shape.stride, " is less than a row of ", row_bytes, " bytes (",
                      logits.vocab_size(), " x ", NameOf(logits.data_type()), ")")});
  } else if (!Holds(size, logits.row_count(), shape.stride, row_bytes)) {
    violations.push_back(
        {"logits.inline_data",
         absl::StrCat(size, " bytes are not ", logits.row_count(), " rows of ", logits.vocab_size(),
                      " x ", NameOf(logits.data_type()), ", ", shape.stride, " bytes apart")});
  }
}

Shape DecodeShape(const v1::Logits& logits, Violations& violations) {
  constexpr uint32_t kMax = std::numeric_limits<int32_t>::max();
  const size_t before = violations.size();
  const auto check_count = [&](uint32_t count, const char* field) {
    if (count < 1 || count > kMax) violations.push_back({field, Outside(count, 1, kMax)});
  };
  check_count(logits.vocab_size(), "logits.vocab_size");
  check_count(logits.row_count(), "logits.row_count");
  const auto type = DecodeType(logits.data_type());
  if (!type.has_value()) {
    violations.push_back({"logits.data_type",
                          absl::StrCat(logits.data_type(),
                                       " is not one of FLOAT32 (1), FLOAT16 (2), BFLOAT16 (3)")});
  }
  if (logits.source_case() == v1::Logits::SOURCE_NOT_SET) {
    violations.push_back({"logits.source", "is not set: send inline_data"});
  }
  Shape shape;
  if (violations.size() > before) return shape;
  shape.type = *type;
  shape.vocab_size = static_cast<int32_t>(logits.vocab_size());
  shape.row_count = static_cast<int32_t>(logits.row_count());
  CheckData(logits, shape, violations);
  return shape;
}

// Refuses a repeated field that has neither of the lengths allowed.
void CheckEntries(const char* field, int entries, bool one_for_all, uint32_t row_count,
                  Violations& violations) {
  if (entries == 0 || (one_for_all && entries == 1)) return;
  if (static_cast<uint32_t>(entries) == row_count) return;
  violations.push_back(
      {field, absl::StrCat(entries, " entries for ", row_count, " rows: send none, ",
                           one_for_all ? "one for all, " : "", "or one a row")});
}

void DecodeEntries(const v1::SampleRequest& request, DecodedRequest& decoded,
                   Violations& violations) {
  // A vocabulary that is refused itself must not have ids refused for it too.
  const auto vocab_size = static_cast<int32_t>(
      std::min<uint32_t>(request.logits().vocab_size(), std::numeric_limits<int32_t>::max()));
  for (int i = 0; i < request.params_size(); ++i) {
    const std::string path = Indexed("params", i);
    RefuseUnknownFields(request.params(i), path, violations);
    decoded.params.push_back(DecodeParams(request.params(i)));
    core::Validate(decoded.params.back(), path, violations);
  }
  for (int i = 0; i < request.outputs_size(); ++i) {
    const std::string path = Indexed("outputs", i);
    RefuseUnknownFields(request.outputs(i), path, violations);
    decoded.outputs.push_back(DecodeOutputs(request.outputs(i), path, violations));
    if (vocab_size > 0) core::Validate(decoded.outputs.back(), vocab_size, path, violations);
  }
  if (decoded.params.empty()) decoded.params.emplace_back();
  if (decoded.outputs.empty()) decoded.outputs.emplace_back();
}

void DecodeStates(const v1::SampleRequest& request, const Shape& shape, DecodedRequest& decoded,
                  Violations& violations) {
  static const auto* const kUnset = new v1::RowState();
  const int count = request.rows().empty() ? shape.row_count : request.rows_size();
  if (!violations.empty() && request.rows().empty()) return;  // nothing to check, no shape
  decoded.states.reserve(count);
  for (int i = 0; i < count; ++i) {
    const v1::RowState& state = request.rows().empty() ? *kUnset : request.rows(i);
    const std::string path = Indexed("rows", i);
    RefuseUnknownFields(state, path, violations);
    decoded.states.push_back(DecodeState(state, path, violations));
    core::Validate(decoded.states.back(), path, violations);
  }
}

void DecodeRows(const v1::SampleRequest& request, const Shape& shape, DecodedRequest& decoded) {
  const char* data = request.logits().inline_data().data();
  decoded.batch.rows.reserve(shape.row_count);
  for (int i = 0; i < shape.row_count; ++i) {
    decoded.batch.rows.push_back(
        {.logits = core::LogitRow(data + i * shape.stride, shape.type, shape.vocab_size),
         .params = &decoded.params[decoded.params.size() == 1 ? 0 : i],
         .outputs = &decoded.outputs[decoded.outputs.size() == 1 ? 0 : i],
         .state = decoded.states[i]});
  }
}

absl::Status Exceeds(const char* what, uint64_t value, uint64_t limit, const char* flag) {
  return absl::ResourceExhaustedError(absl::StrCat(what, ": ", value,
                                                   " exceeds this server's limit of ", limit,
                                                   ": send less in one call, or raise --", flag));
}

absl::Status CheckLimits(const DecodedRequest& decoded, const Shape& shape, const Limits& limits) {
  const auto vocab_size = static_cast<uint32_t>(shape.vocab_size);
  if (vocab_size > limits.max_vocab_size) {
    return Exceeds("logits.vocab_size", vocab_size, limits.max_vocab_size, "max_vocab_size");
  }
  const uint64_t listed = core::ListedTokens(decoded.batch.rows);
  if (listed > limits.max_listed_tokens) {
    return Exceeds("tokens to list (drawn, top and named)", listed, limits.max_listed_tokens,
                   "max_listed_tokens");
  }
  return absl::OkStatus();
}

void EncodeTable(const core::TokenTable& from, v1::TokenTable& to) {
  to.mutable_token_ids()->Add(from.token_ids.begin(), from.token_ids.end());
  to.mutable_model_logprobs()->Add(from.model_logprobs.begin(), from.model_logprobs.end());
  to.mutable_sampled_logprobs()->Add(from.sampled_logprobs.begin(), from.sampled_logprobs.end());
  to.mutable_ranks()->Add(from.ranks.begin(), from.ranks.end());
}

v1::RowStatus EncodeStatus(core::RowStatus status) {
  switch (status) {
    case core::RowStatus::kOk:
      return v1::ROW_STATUS_OK;
    case core::RowStatus::kNanLogit:
      return v1::ROW_STATUS_NAN_LOGIT;
    case core::RowStatus::kPositiveInfinity:
      return v1::ROW_STATUS_POSITIVE_INFINITY;
    case core::RowStatus::kNoAllowedToken:
      return v1::ROW_STATUS_NO_ALLOWED_TOKEN;
  }
  return v1::ROW_STATUS_UNSPECIFIED;
}

void EncodeRow(const core::RowRequest& request, const core::RowResult& from, v1::RowResult& to) {
  to.set_status(EncodeStatus(from.status));
  to.set_message(core::Explain(from));
  to.set_seed(request.state.seed);
  EncodeTable(from.drawn, *to.mutable_drawn());
  if (from.status != core::RowStatus::kOk) return;
  const core::OutputOptions& outputs = *request.outputs;
  if (outputs.top_model_count > 0) EncodeTable(from.top_model, *to.mutable_top_model());
  if (outputs.top_sampled_count > 0) EncodeTable(from.top_sampled, *to.mutable_top_sampled());
  if (!outputs.named_token_ids.empty()) EncodeTable(from.named, *to.mutable_named());
  if (from.model_entropy) to.set_model_entropy(*from.model_entropy);
  if (from.sampled_entropy) to.set_sampled_entropy(*from.sampled_entropy);
  if (from.kept_count) to.set_kept_count(*from.kept_count);
  if (from.kept_mass) to.set_kept_mass(*from.kept_mass);
}

}  // namespace

absl::Status Decode(const v1::SampleRequest& request, const Limits& limits,
                    DecodedRequest& decoded) {
  Violations violations;
  RefuseUnknownFields(request, "request", violations);
  RefuseUnknownFields(request.logits(), "logits", violations);
  const Shape shape = DecodeShape(request.logits(), violations);
  const uint32_t row_count = request.logits().row_count();
  CheckEntries("params", request.params_size(), true, row_count, violations);
  CheckEntries("outputs", request.outputs_size(), true, row_count, violations);
  CheckEntries("rows", request.rows_size(), false, row_count, violations);
  DecodeEntries(request, decoded, violations);
  if (violations.empty() && row_count > limits.max_row_count) {
    return Exceeds("logits.row_count", row_count, limits.max_row_count, "max_row_count");
  }
  DecodeStates(request, shape, decoded, violations);
  if (!violations.empty()) return BadRequest(violations);
  DecodeRows(request, shape, decoded);
  return CheckLimits(decoded, shape, limits);
}

void Encode(const core::Batch& batch, v1::SampleResponse& response) {
  response.mutable_results()->Reserve(static_cast<int>(batch.rows.size()));
  for (size_t i = 0; i < batch.rows.size(); ++i) {
    EncodeRow(batch.rows[i], batch.results.rows()[i], *response.add_results());
  }
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
