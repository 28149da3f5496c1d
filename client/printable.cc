#include "client/printable.h"

#include <cstddef>

#include "absl/strings/str_format.h"

namespace boltzmann::client {

std::string Printable(std::string_view text) {
  constexpr size_t kShown = 40;
  std::string shown;
  for (const unsigned char c : text.substr(0, kShown)) {
    if (c >= ' ' && c <= '~') {
      shown += static_cast<char>(c);
    } else {
      absl::StrAppendFormat(&shown, "\\x%02x", c);
    }
  }
  return text.size() > kShown ? shown + "..." : shown;
}

}  // namespace boltzmann::client
