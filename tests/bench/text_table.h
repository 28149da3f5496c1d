// A table for consoles that is also one in Markdown.
#ifndef BOLTZMANN_TESTS_BENCH_TEXT_TABLE_H_
#define BOLTZMANN_TESTS_BENCH_TEXT_TABLE_H_

#include <string>
#include <vector>

namespace boltzmann::bench {

class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header) : header_(std::move(header)) {}

  // Cells that are left out at the end are empty.
  void Add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  // The first column is flush left, the others flush right.
  std::string Print() const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

// `value` with three significant digits, and all of those before the point.
std::string ThreeDigits(double value);

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_TEXT_TABLE_H_
