#include "client/one_row.h"

#include "absl/strings/str_cat.h"
#include "client/command.h"

namespace boltzmann::client {
namespace {

// Leaves only item `at` of a repeated field.
template <typename Items>
void KeepItem(int at, Items& items) {
  if (at > 0) items.SwapElements(0, at);
  items.DeleteSubrange(1, items.size() - 1);
}

}  // namespace

absl::Status KeepRow(uint32_t row, v1::DescribeRequest& request) {
  v1::Logits& logits = *request.mutable_logits();
  if (row >= logits.row_count()) {
    return Misuse(absl::StrCat("--row: ", row, " is outside [0, ", logits.row_count() - 1,
                               "]: these are the rows that there are"));
  }
  if (logits.has_sparse_rows()) {
    KeepItem(static_cast<int>(row), *logits.mutable_sparse_rows()->mutable_rows());
  } else {
    const size_t size = logits.inline_data().size() / logits.row_count();
    logits.set_inline_data(logits.inline_data().substr(row * size, size));
  }
  KeepItem(static_cast<int>(row), *request.mutable_rows());
  logits.set_row_count(1);
  return absl::OkStatus();
}

void RepeatRow(size_t count, v1::DescribeRequest& request) {
  v1::Logits& logits = *request.mutable_logits();
  const std::string bytes = logits.inline_data();
  for (size_t i = 1; i < count; ++i) {
    if (logits.has_sparse_rows()) {
      *logits.mutable_sparse_rows()->add_rows() = v1::SparseRow(logits.sparse_rows().rows(0));
    } else {
      logits.mutable_inline_data()->append(bytes);
    }
    *request.add_rows() = v1::RowState(request.rows(0));
    *request.add_params() = v1::SamplingParams(request.params(0));
  }
  logits.set_row_count(static_cast<uint32_t>(count));
}

}  // namespace boltzmann::client
