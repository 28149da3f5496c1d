// Logits from a file or from standard input.
#ifndef BOLTZMANN_CLIENT_LOGITS_FILE_H_
#define BOLTZMANN_CLIENT_LOGITS_FILE_H_

#include <istream>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/logit_matrix.h"

namespace boltzmann::client {

// Reads text as float32 logits: numbers separated by white space or commas, one row a line; blank
// lines and lines that start with # are skipped; inf, -inf and nan are numbers. INVALID_ARGUMENT,
// with the line and what stands there, if something is not a number or does not fit float32, if a
// comma has no number beside it, if rows differ in length, or if there is no row.
absl::StatusOr<LogitMatrix> ParseTextLogits(std::string_view text);

// Reads the file at `path`, or `standard_input` if `path` is "-": .npy if it begins as such a file
// does, else text. NOT_FOUND or UNKNOWN if it cannot be read, else as the parsers say; every
// message begins with the path.
absl::StatusOr<LogitMatrix> ReadLogits(const std::string& path, std::istream& standard_input);

// The whole file. NOT_FOUND if it cannot be opened, UNKNOWN if it cannot be read.
absl::StatusOr<std::string> ReadFile(const std::string& path);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_LOGITS_FILE_H_
