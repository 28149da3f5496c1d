// Tables for people.
#ifndef BOLTZMANN_CLIENT_TABLE_H_
#define BOLTZMANN_CLIENT_TABLE_H_

#include <cstddef>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace boltzmann::client {

// The cells of one line.
using Line = std::vector<std::string>;

// Lines of as many cells as the first, which is the head, in columns aligned to the right. A column
// without anything below its head is left out.
class Table {
 public:
  explicit Table(Line head) : lines_{std::move(head)} {}

  void Add(Line line) { lines_.push_back(std::move(line)); }

  // Whether there is nothing but the head.
  bool IsEmpty() const { return lines_.size() == 1; }

  // The head and every line as it is printed, without a line break.
  std::vector<std::string> Text() const;

  // Every line begins with `indent`.
  void Print(std::ostream& out, const std::string& indent = "") const;

 private:
  std::vector<size_t> Widths() const;

  std::vector<Line> lines_;
};

// A number with six digits after the point.
std::string FloatCell(double value);

// A number in the fewest digits that give it back exactly.
std::string ExactCell(double value);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_TABLE_H_
