#include "client/flag_types.h"

#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/words.h"

namespace boltzmann::client {
namespace {

bool ParseIds(absl::string_view text, std::vector<int32_t>& ids) {
  const auto words = SplitWords(text);
  if (!words) return false;
  for (const absl::string_view word : *words) {
    if (!absl::SimpleAtoi(word, &ids.emplace_back())) return false;
  }
  return true;
}

// SimpleAtod turns what is too large into infinity, which only "inf" and "infinity" may mean.
bool ParseBias(absl::string_view text, double& bias) {
  if (!absl::SimpleAtod(text, &bias)) return false;
  return !std::isinf(bias) || text.find_first_of("nN") != absl::string_view::npos;
}

}  // namespace

bool AbslParseFlag(absl::string_view text, TokenIds* value, std::string*) {
  value->ids.clear();
  return text.empty() || ParseIds(text, value->ids);
}

bool AbslParseFlag(absl::string_view text, TokenSequences* value, std::string*) {
  value->sequences.clear();
  if (text.empty()) return true;
  for (const absl::string_view sequence : absl::StrSplit(text, '/')) {
    if (!ParseIds(sequence, value->sequences.emplace_back())) return false;
  }
  return true;
}

bool AbslParseFlag(absl::string_view text, LogitBiases* value, std::string*) {
  value->biases.clear();
  if (text.empty()) return true;
  const auto words = SplitWords(text);
  if (!words) return false;
  for (const absl::string_view word : *words) {
    const std::vector<absl::string_view> parts = absl::StrSplit(word, ':');
    auto& [id, bias] = value->biases.emplace_back();
    if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &id) || !ParseBias(parts[1], bias)) {
      return false;
    }
  }
  return true;
}

std::string AbslUnparseFlag(const TokenIds& value) { return absl::StrJoin(value.ids, ","); }

std::string AbslUnparseFlag(const TokenSequences& value) {
  return absl::StrJoin(value.sequences, "/", [](std::string* text, const auto& sequence) {
    absl::StrAppend(text, absl::StrJoin(sequence, ","));
  });
}

std::string AbslUnparseFlag(const LogitBiases& value) {
  return absl::StrJoin(value.biases, ",", absl::PairFormatter(":"));
}

}  // namespace boltzmann::client
