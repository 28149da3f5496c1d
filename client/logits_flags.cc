#include "client/logits_flags.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "client/command.h"
#include "client/logits_file.h"
#include "client/sparse_rows.h"

ABSL_FLAG(std::string, logits, "",
          "The logits: a .npy file (float32 or float16, [V] or [B, V]), a text file (numbers, one "
          "row a line), or - for standard input.");
ABSL_FLAG(std::string, send_as, "",
          "Convert the logits before they are sent: float32, float16 or bfloat16, to nearest even. "
          "Unset sends them as they are; text is float32.");
ABSL_FLAG(std::optional<uint32_t>, sparse_count, std::nullopt,
          "Send only this many largest logits of each row, as sparse rows with the row's "
          "log_sum_exp: an integer >= 1. Unset sends whole rows.");

namespace boltzmann::client {
namespace {

absl::Status CheckSparseCount() {
  if (absl::GetFlag(FLAGS_sparse_count) == 0u) {
    return Misuse("--sparse_count: 0 is not allowed: give at least 1");
  }
  return absl::OkStatus();
}

v1::Logits ToLogits(LogitMatrix matrix) {
  v1::Logits logits;
  logits.set_data_type(matrix.data_type);
  logits.set_vocab_size(matrix.vocab_size);
  logits.set_row_count(matrix.row_count);
  if (const auto count = absl::GetFlag(FLAGS_sparse_count)) {
    *logits.mutable_sparse_rows() = SelectCandidates(matrix, *count);
  } else {
    logits.set_inline_data(std::move(matrix.bytes));
  }
  return logits;
}

}  // namespace

std::vector<std::string_view> LogitsFlags() { return {"logits", "send_as"}; }

std::vector<std::string_view> SparseFlags() { return {"sparse_count"}; }

bool LogitsAreGiven() { return !absl::GetFlag(FLAGS_logits).empty(); }

absl::StatusOr<std::optional<v1::DataType>> SendAsFromFlags() {
  const std::string name = absl::GetFlag(FLAGS_send_as);
  if (name.empty()) return std::nullopt;
  if (name == "float32") return v1::DATA_TYPE_FLOAT32;
  if (name == "float16") return v1::DATA_TYPE_FLOAT16;
  if (name == "bfloat16") return v1::DATA_TYPE_BFLOAT16;
  return Misuse("--send_as: '" + name + "' is not allowed: give float32, float16 or bfloat16");
}

absl::StatusOr<v1::Logits> LogitsFromFlags(std::istream& standard_input) {
  if (!LogitsAreGiven()) {
    return Misuse("--logits is missing: name a .npy or text file, or - for standard input");
  }
  if (absl::Status status = CheckSparseCount(); !status.ok()) return status;
  if (const auto send_as = SendAsFromFlags(); !send_as.ok()) return send_as.status();
  absl::StatusOr<LogitMatrix> matrix = ReadLogits(absl::GetFlag(FLAGS_logits), standard_input);
  return matrix.ok() ? LogitsFromFlags(*std::move(matrix)) : matrix.status();
}

absl::StatusOr<v1::Logits> LogitsFromFlags(LogitMatrix matrix) {
  if (absl::Status status = CheckSparseCount(); !status.ok()) return status;
  const auto send_as = SendAsFromFlags();
  if (!send_as.ok()) return send_as.status();
  if (*send_as) matrix = ConvertTo(std::move(matrix), **send_as);
  return ToLogits(std::move(matrix));
}

}  // namespace boltzmann::client
