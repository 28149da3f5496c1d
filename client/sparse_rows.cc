#include "client/sparse_rows.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string_view>
#include <vector>

namespace boltzmann::client {
namespace {

std::vector<float> RowOf(const LogitMatrix& matrix, uint32_t row) {
  std::vector<float> logits(matrix.vocab_size);
  for (uint32_t id = 0; id < matrix.vocab_size; ++id) logits[id] = LogitAt(matrix, row, id);
  return logits;
}

// Whether token `a` comes before token `b` in the total order, a NaN before everything.
bool ComesBefore(const std::vector<float>& logits, int32_t a, int32_t b) {
  const bool a_is_nan = std::isnan(logits[a]);
  if (a_is_nan != std::isnan(logits[b])) return a_is_nan;
  if (!a_is_nan && logits[a] != logits[b]) return logits[a] > logits[b];
  return a < b;
}

std::vector<int32_t> FirstTokens(const std::vector<float>& logits, uint32_t count) {
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto end = ids.begin() + std::min<size_t>(count, ids.size());
  const auto before = [&logits](int32_t a, int32_t b) { return ComesBefore(logits, a, b); };
  if (end != ids.end()) std::nth_element(ids.begin(), end, ids.end(), before);
  std::sort(ids.begin(), end, before);
  ids.erase(end, ids.end());
  return ids;
}

// `first` is the first token of the total order, so that nothing overflows.
double LogSumExp(const std::vector<float>& logits, int32_t first) {
  const double largest = logits[first];
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  return largest + std::log(sum);
}

void AddRow(const LogitMatrix& matrix, uint32_t row, uint32_t count, v1::SparseRows& rows) {
  const std::vector<float> logits = RowOf(matrix, row);
  v1::SparseRow& sparse = *rows.add_rows();
  const size_t size = SizeOf(matrix.data_type);
  const std::string_view bytes =
      std::string_view(matrix.bytes).substr(size * row * matrix.vocab_size);
  for (const int32_t id : FirstTokens(logits, count)) {
    sparse.add_token_ids(id);
    sparse.mutable_logits()->append(bytes.substr(id * size, size));
  }
  const double log_sum_exp = LogSumExp(logits, sparse.token_ids(0));
  if (std::isfinite(log_sum_exp)) sparse.set_log_sum_exp(log_sum_exp);
}

}  // namespace

v1::SparseRows SelectCandidates(const LogitMatrix& matrix, uint32_t count) {
  v1::SparseRows rows;
  for (uint32_t row = 0; row < matrix.row_count; ++row) AddRow(matrix, row, count, rows);
  return rows;
}

}  // namespace boltzmann::client
