// Lists as people write them.
#ifndef BOLTZMANN_CLIENT_WORDS_H_
#define BOLTZMANN_CLIENT_WORDS_H_

#include <optional>
#include <vector>

#include "absl/strings/string_view.h"

namespace boltzmann::client {

// What stands between white space and commas, pointing into `text`; nothing if a comma has no word
// beside it, as something may have been left out there. Blank text has no words, which is nothing
// too.
std::optional<std::vector<absl::string_view>> SplitWords(absl::string_view text);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_WORDS_H_
