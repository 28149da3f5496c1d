#include "client/row_status.h"

#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace boltzmann::client {

std::string StatusName(v1::RowStatus status) {
  const std::string name = v1::RowStatus_Name(status);
  if (name.empty()) return absl::StrCat("status ", static_cast<int>(status));
  return std::string(absl::StripPrefix(name, "ROW_STATUS_"));
}

bool IsAnswered(v1::RowStatus status) {
  return status == v1::ROW_STATUS_OK || status == v1::ROW_STATUS_CANDIDATES_EXHAUSTED;
}

absl::Status UnansweredRows(int row_count, const char* done,
                            const std::vector<std::string>& lines) {
  if (lines.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(lines.size(), " of ", row_count,
                                                    " rows could not be ", done, ":\n",
                                                    absl::StrJoin(lines, "\n")));
}

}  // namespace boltzmann::client
