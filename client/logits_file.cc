#include "client/logits_file.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/npy.h"
#include "client/printable.h"
#include "client/words.h"

namespace boltzmann::client {
namespace {

std::string Quoted(absl::string_view word) {
  return absl::StrCat("'", Printable({word.data(), word.size()}), "'");
}

// SimpleAtof turns what is too large into infinity; only "inf" and "infinity" mean it.
bool SaysInfinity(absl::string_view word) {
  return word.find_first_of("nN") != absl::string_view::npos;
}

absl::Status AppendNumber(absl::string_view word, std::vector<float>& row) {
  float value;
  if (!absl::SimpleAtof(word, &value)) {
    return absl::InvalidArgumentError(absl::StrCat(Quoted(word), " is not a number"));
  }
  if (std::isinf(value) && !SaysInfinity(word)) {
    return absl::InvalidArgumentError(absl::StrCat(
        Quoted(word), " does not fit float32, whose largest is 3.4e38: write inf if it is meant"));
  }
  row.push_back(value);
  return absl::OkStatus();
}

absl::Status ParseRow(absl::string_view line, std::vector<float>& row) {
  const auto words = SplitWords(line);
  if (!words) return absl::InvalidArgumentError("a comma has no number beside it");
  for (const absl::string_view word : *words) {
    if (absl::Status status = AppendNumber(word, row); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status AppendRow(const std::vector<float>& row, LogitMatrix& matrix) {
  if (matrix.row_count == 0) matrix.vocab_size = static_cast<uint32_t>(row.size());
  if (row.size() != matrix.vocab_size) {
    return absl::InvalidArgumentError(
        absl::StrCat("the row has ", row.size(), " numbers, but those before it have ",
                     matrix.vocab_size, ": all rows must have the same length"));
  }
  ++matrix.row_count;
  matrix.bytes.append(reinterpret_cast<const char*>(row.data()), row.size() * sizeof(float));
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadAll(std::istream& stream) {
  std::ostringstream bytes;
  if (stream.peek() != std::istream::traits_type::eof()) bytes << stream.rdbuf();
  if (stream.bad() || bytes.bad()) return absl::UnknownError("cannot be read");
  return std::move(bytes).str();
}

absl::Status WithName(const std::string& name, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(name, ": ", status.message()));
}

absl::StatusOr<LogitMatrix> ParseLogits(std::string_view bytes, const std::string& name) {
  absl::StatusOr<LogitMatrix> matrix = IsNpy(bytes) ? ParseNpy(bytes) : ParseTextLogits(bytes);
  if (!matrix.ok()) return WithName(name, matrix.status());
  return matrix;
}

}  // namespace

absl::StatusOr<LogitMatrix> ParseTextLogits(std::string_view text) {
  LogitMatrix matrix;
  int line_number = 0;
  for (absl::string_view line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    ++line_number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    std::vector<float> row;
    absl::Status status = ParseRow(line, row);
    if (status.ok()) status = AppendRow(row, matrix);
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("line ", line_number, ": ", status.message()));
    }
  }
  if (matrix.row_count == 0) return absl::InvalidArgumentError("there are no logits");
  return matrix;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  absl::StatusOr<std::string> bytes = ReadAll(file);
  if (!bytes.ok()) return WithName(path, bytes.status());
  return bytes;
}

absl::StatusOr<LogitMatrix> ReadLogits(const std::string& path, std::istream& standard_input) {
  if (path != "-") {
    const absl::StatusOr<std::string> bytes = ReadFile(path);
    return bytes.ok() ? ParseLogits(*bytes, path) : bytes.status();
  }
  const absl::StatusOr<std::string> bytes = ReadAll(standard_input);
  return bytes.ok() ? ParseLogits(*bytes, "standard input")
                    : WithName("standard input", bytes.status());
}

}  // namespace boltzmann::client
