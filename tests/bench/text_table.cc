#include "tests/bench/text_table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace boltzmann::bench {
namespace {

void Append(const std::string& cell, size_t width, bool left, std::string& text) {
  text += "| ";
  if (!left) text.append(width - cell.size(), ' ');
  text += cell;
  if (left) text.append(width - cell.size(), ' ');
  text += ' ';
}

}  // namespace

std::string TextTable::Print() const {
  std::vector<size_t> widths;
  for (size_t column = 0; column < header_.size(); ++column) {
    size_t width = header_[column].size();
    for (const auto& row : rows_) {
      if (column < row.size()) width = std::max(width, row[column].size());
    }
    widths.push_back(width);
  }
  std::string text;
  const auto print = [&](const std::vector<std::string>& row) {
    for (size_t column = 0; column < widths.size(); ++column) {
      Append(column < row.size() ? row[column] : "", widths[column], column == 0, text);
    }
    text += "|\n";
  };
  print(header_);
  for (size_t column = 0; column < widths.size(); ++column) {
    text += '|';
    text.append(widths[column] + 1, '-');
    text += column == 0 ? '-' : ':';
  }
  text += "|\n";
  for (const auto& row : rows_) print(row);
  return text;
}

std::string ThreeDigits(double value) {
  const int before_point = value < 10 ? 1 : value < 100 ? 2 : 3;
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", 3 - before_point, value);
  return text;
}

}  // namespace boltzmann::bench
