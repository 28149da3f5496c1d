#include "client/words.h"

#include "absl/strings/str_split.h"

namespace boltzmann::client {

std::optional<std::vector<absl::string_view>> SplitWords(absl::string_view text) {
  std::vector<absl::string_view> all;
  for (const absl::string_view field : absl::StrSplit(text, ',')) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(field, absl::ByAnyChar(" \t\v\f\r\n"), absl::SkipEmpty());
    if (words.empty()) return std::nullopt;
    all.insert(all.end(), words.begin(), words.end());
  }
  return all;
}

}  // namespace boltzmann::client
