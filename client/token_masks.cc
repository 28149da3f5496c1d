#include "client/token_masks.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/logits_file.h"
#include "client/npy.h"
#include "client/printable.h"
#include "client/words.h"

namespace boltzmann::client {
namespace {

absl::Status AppendWord(absl::string_view text, TokenMasks& masks) {
  uint32_t word;
  if (!absl::SimpleHexAtoi(text, &word)) {
    return absl::InvalidArgumentError(absl::StrCat("'", Printable({text.data(), text.size()}),
                                                   "' is not a hexadecimal word of 32 bits"));
  }
  for (int shift = 0; shift < 32; shift += 8) masks.bytes += static_cast<char>(word >> shift);
  return absl::OkStatus();
}

absl::Status AppendRow(absl::string_view line, TokenMasks& masks) {
  const auto words = SplitWords(line);
  if (!words) return absl::InvalidArgumentError("a comma has no word beside it");
  if (masks.row_count == 0) masks.word_count = static_cast<uint32_t>(words->size());
  if (words->size() != masks.word_count) {
    return absl::InvalidArgumentError(
        absl::StrCat("the mask has ", words->size(), " words, but those before it have ",
                     masks.word_count, ": all masks must have the same length"));
  }
  ++masks.row_count;
  for (const absl::string_view word : *words) {
    if (absl::Status status = AppendWord(word, masks); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TokenMasks> ParseTextMasks(std::string_view text) {
  TokenMasks masks;
  int line_number = 0;
  for (absl::string_view line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    ++line_number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    if (absl::Status status = AppendRow(line, masks); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("line ", line_number, ": ", status.message()));
    }
  }
  if (masks.row_count == 0) return absl::InvalidArgumentError("there are no masks");
  return masks;
}

absl::StatusOr<TokenMasks> ReadTokenMasks(const std::string& path) {
  const absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<TokenMasks> masks = IsNpy(*bytes) ? ParseNpyMasks(*bytes) : ParseTextMasks(*bytes);
  if (masks.ok()) return masks;
  return absl::Status(masks.status().code(), absl::StrCat(path, ": ", masks.status().message()));
}

}  // namespace boltzmann::client
