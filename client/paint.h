// Colours and bars for people who look at a terminal.
#ifndef BOLTZMANN_CLIENT_PAINT_H_
#define BOLTZMANN_CLIENT_PAINT_H_

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace boltzmann::client {

enum class Ink { kModel, kSampled, kFaint, kBold };

// Colours text by a terminal's escape codes, or leaves it as it is.
class Paint {
 public:
  explicit Paint(bool colored) : colored_(colored) {}

  std::string operator()(Ink ink, const std::string& text) const;

 private:
  bool colored_;
};

// --color.
std::vector<std::string_view> ColorFlags();

// As --color says. By itself it colours what goes to a terminal, unless the environment has a
// NO_COLOR that is not empty (see no-color.org). Misuse if the value is not allowed.
absl::StatusOr<Paint> PaintFromFlags(const std::ostream& out);

// `share` of `width` columns, to an eighth of one, in UTF-8. A share above 0 is never empty.
// `share` is taken as within [0, 1].
std::string Bar(double share, int width);

// The same, filled up with spaces.
std::string PaddedBar(double share, int width);

// One column that is as high as `share`; "." for 0.
std::string Spark(double share);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_PAINT_H_
