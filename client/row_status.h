// What became of the rows of a batch.
#ifndef BOLTZMANN_CLIENT_ROW_STATUS_H_
#define BOLTZMANN_CLIENT_ROW_STATUS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "boltzmann/v1/sampler.pb.h"

namespace boltzmann::client {

// Without the prefix that the style of the .proto asks for: "OK".
std::string StatusName(v1::RowStatus status);

// Whether a row of this status has an answer: OK, and CANDIDATES_EXHAUSTED too.
bool IsAnswered(v1::RowStatus status);

// The error of a batch of `row_count` rows, `lines` saying which of them have no answer and why; OK
// without lines. `done` is what did not happen to them, such as "sampled".
absl::Status UnansweredRows(int row_count, const char* done, const std::vector<std::string>& lines);

// OK if every row has an answer, else an error whose message has a line for each that has none.
// `rows` are RowResults or RowDescriptions.
template <typename Rows>
absl::Status CheckRows(const Rows& rows, const char* done) {
  std::vector<std::string> lines;
  for (int row = 0; row < rows.size(); ++row) {
    if (IsAnswered(rows[row].status())) continue;
    lines.push_back(
        absl::StrCat("row ", row, ": ", StatusName(rows[row].status()), ": ", rows[row].message()));
  }
  return UnansweredRows(rows.size(), done, lines);
}

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_ROW_STATUS_H_
