// Prints golden_table.inc: what the core says of each golden row, bit for bit.
#include <algorithm>
#include <cstdio>
#include <string>

#include "tests/golden/golden_rows.h"

int main() {
  constexpr size_t kWidth = 90;
  std::puts("// Printed by boltzmann_print_golden; how and when: see CMakeLists.txt.");
  for (const boltzmann::test::Row& row : boltzmann::test::GoldenRows()) {
    const std::string text = boltzmann::test::SampleAndPrint(row);
    for (size_t i = 0; i < text.size(); i += kWidth) {
      const bool last = i + kWidth >= text.size();
      std::printf("    \"%s\"%s\n", text.substr(i, kWidth).c_str(), last ? "," : "");
    }
  }
  return 0;
}
