#include "client/table.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace boltzmann::client {
namespace {

std::string Aligned(const Line& line, const std::vector<size_t>& widths) {
  std::string text;
  for (size_t column = 0; column < line.size(); ++column) {
    if (widths[column] == 0) continue;
    absl::StrAppendFormat(&text, "%s%*s", text.empty() ? "" : "  ",
                          static_cast<int>(widths[column]), line[column]);
  }
  absl::StripTrailingAsciiWhitespace(&text);
  return text;
}

}  // namespace

std::vector<std::string> Table::Text() const {
  const std::vector<size_t> widths = Widths();
  std::vector<std::string> text;
  for (const Line& line : lines_) text.push_back(Aligned(line, widths));
  return text;
}

void Table::Print(std::ostream& out, const std::string& indent) const {
  for (const std::string& line : Text()) out << indent << line << '\n';
}

// 0 for a column without anything below its head.
std::vector<size_t> Table::Widths() const {
  std::vector<size_t> widths(lines_[0].size(), 0);
  for (size_t column = 0; column < widths.size(); ++column) {
    for (size_t i = 1; i < lines_.size(); ++i) {
      widths[column] = std::max(widths[column], lines_[i][column].size());
    }
    if (widths[column] > 0) widths[column] = std::max(widths[column], lines_[0][column].size());
  }
  return widths;
}

std::string FloatCell(double value) { return absl::StrFormat("%.6f", value); }

std::string ExactCell(double value) {
  char digits[32];  // -1.7976931348623157e+308 has 24
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value);
  return std::string(digits, end);
}

}  // namespace boltzmann::client
