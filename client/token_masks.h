// Bitmasks of tokens, as a grammar writes them.
#ifndef BOLTZMANN_CLIENT_TOKEN_MASKS_H_
#define BOLTZMANN_CLIENT_TOKEN_MASKS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace boltzmann::client {

// A packed `[row_count, word_count]` matrix of 32-bit little-endian words: token j is allowed if
// bit j % 32 of word j / 32 is 1. `bytes` is exactly as long as the other fields say.
struct TokenMasks {
  uint32_t row_count = 0;
  uint32_t word_count = 0;
  std::string bytes;

  std::string_view Row(uint32_t row) const {
    const size_t row_bytes = size_t{4} * word_count;
    return std::string_view(bytes).substr(row * row_bytes, row_bytes);
  }
};

// Reads text as masks: hexadecimal words separated by white space or commas, one mask a line; blank
// lines and lines that start with # are skipped. INVALID_ARGUMENT, with the line and what stands
// there, if something is not a word of 32 bits, if lines differ in length, or if there is none.
absl::StatusOr<TokenMasks> ParseTextMasks(std::string_view text);

// Reads the file at `path`: .npy if it begins as such a file does (int32 or uint32, see npy.h),
// else text. NOT_FOUND or UNKNOWN if it cannot be read, else as the parsers say; every message
// begins with the path.
absl::StatusOr<TokenMasks> ReadTokenMasks(const std::string& path);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_TOKEN_MASKS_H_
