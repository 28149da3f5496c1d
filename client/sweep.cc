#include "client/sweep.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/command.h"

namespace boltzmann::client {
namespace {

using google::protobuf::FieldDescriptor;

constexpr int kUsualCount = 11;  // ten steps
constexpr char kForms[] = "give NAME=FIRST..LAST, NAME=FIRST..LAST:COUNT or NAME=VALUE,VALUE";

absl::Status Refused(absl::string_view text, absl::string_view why) {
  return Misuse(absl::StrCat("--sweep: '", text, "' is not allowed: ", why));
}

bool IsInteger(const FieldDescriptor& field) {
  return field.cpp_type() != FieldDescriptor::CPPTYPE_DOUBLE;
}

bool IsNumber(const FieldDescriptor& field) {
  if (field.is_repeated()) return false;
  return field.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE ||
         field.cpp_type() == FieldDescriptor::CPPTYPE_INT32 ||
         field.cpp_type() == FieldDescriptor::CPPTYPE_UINT32;
}

const FieldDescriptor* FindNumber(const std::string& name) {
  const FieldDescriptor* const field = v1::SamplingParams::descriptor()->FindFieldByName(name);
  return field != nullptr && IsNumber(*field) ? field : nullptr;
}

std::string NumberNames() {
  std::vector<std::string> names;
  const auto& descriptor = *v1::SamplingParams::descriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    if (IsNumber(*descriptor.field(i))) names.push_back(descriptor.field(i)->name());
  }
  return absl::StrJoin(names, ", ");
}

// Whether the field can hold it at all.
bool Holds(const FieldDescriptor& field, double value) {
  if (!IsInteger(field)) return std::isfinite(value);
  const bool is_signed = field.cpp_type() == FieldDescriptor::CPPTYPE_INT32;
  const double least = is_signed ? std::numeric_limits<int32_t>::min() : 0;
  const double most =
      is_signed ? std::numeric_limits<int32_t>::max() : std::numeric_limits<uint32_t>::max();
  return value == std::floor(value) && value >= least && value <= most;
}

bool ReadValue(const FieldDescriptor& field, absl::string_view text, double& value) {
  return absl::SimpleAtod(text, &value) && Holds(field, value);
}

std::string NotAValue(const FieldDescriptor& field, absl::string_view text) {
  const char* const kind = IsInteger(field) ? "an integer" : "a number";
  return absl::StrCat("'", text, "' is not ", kind, " that ", field.name(), " can be: ", kForms);
}

// So that what is sent is what is shown.
double Rounded(const FieldDescriptor& field, double value) {
  if (IsInteger(field)) return std::round(value);
  double rounded = value;
  return absl::SimpleAtod(absl::StrFormat("%.6g", value), &rounded) ? rounded : value;
}

std::vector<double> Steps(const FieldDescriptor& field, double first, double last, int count) {
  std::vector<double> values;
  for (int i = 0; i < count; ++i) {
    const double share = static_cast<double>(i) / (count - 1);
    const double value = Rounded(field, first + (last - first) * share);
    if (values.empty() || value > values.back()) values.push_back(value);
  }
  return values;
}

absl::StatusOr<std::vector<double>> ReadRange(const FieldDescriptor& field, absl::string_view text,
                                              absl::string_view range) {
  const std::pair<absl::string_view, absl::string_view> ends =
      absl::StrSplit(range, absl::MaxSplits("..", 1));
  const std::pair<absl::string_view, absl::string_view> end =
      absl::StrSplit(ends.second, absl::MaxSplits(':', 1));
  double first = 0;
  double last = 0;
  if (!ReadValue(field, ends.first, first)) return Refused(text, NotAValue(field, ends.first));
  if (!ReadValue(field, end.first, last)) return Refused(text, NotAValue(field, end.first));
  int count = kUsualCount;
  const bool counted = absl::StrContains(ends.second, ":");
  if (counted && (!absl::SimpleAtoi(end.second, &count) || count < 2 || count > kMaxSweepValues)) {
    return Refused(
        text, absl::StrCat("the count '", end.second, "' is outside [2, ", kMaxSweepValues, "]"));
  }
  if (first == last) return Refused(text, "the range is empty: give one that rises");
  if (first > last) {
    return Refused(text, absl::StrCat("the range is reversed: give ", field.name(), "=", end.first,
                                      "..", ends.first));
  }
  return Steps(field, first, last, count);
}

absl::StatusOr<std::vector<double>> ReadList(const FieldDescriptor& field, absl::string_view text,
                                             absl::string_view list) {
  std::vector<double> values;
  for (const absl::string_view item : absl::StrSplit(list, ',')) {
    double value = 0;
    if (!ReadValue(field, item, value)) return Refused(text, NotAValue(field, item));
    values.push_back(value);
  }
  if (values.size() > kMaxSweepValues) {
    return Refused(text, absl::StrCat("there are more than ", kMaxSweepValues, " values"));
  }
  return values;
}

}  // namespace

absl::StatusOr<Sweep> ParseSweep(std::string_view std_text) {
  const absl::string_view text(std_text.data(), std_text.size());
  const std::pair<std::string, std::string> sides = absl::StrSplit(text, absl::MaxSplits('=', 1));
  if (!absl::StrContains(text, "=")) return Refused(text, kForms);
  const FieldDescriptor* const field = FindNumber(sides.first);
  if (field == nullptr) {
    return Refused(text, absl::StrCat("'", sides.first, "' is no parameter that is one number: ",
                                      "these are ", NumberNames()));
  }
  auto values = absl::StrContains(sides.second, "..") ? ReadRange(*field, text, sides.second)
                                                      : ReadList(*field, text, sides.second);
  if (!values.ok()) return values.status();
  return Sweep{sides.first, *std::move(values)};
}

void SetParameter(const std::string& parameter, double value, v1::SamplingParams& params) {
  const FieldDescriptor& field = *FindNumber(parameter);
  const auto& reflection = *params.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection.SetInt32(&params, &field, static_cast<int32_t>(value));
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection.SetUInt32(&params, &field, static_cast<uint32_t>(value));
    default:
      return reflection.SetDouble(&params, &field, value);
  }
}

}  // namespace boltzmann::client
