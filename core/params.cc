#include "core/params.h"

#include <charconv>
#include <limits>

#include "absl/strings/str_cat.h"

namespace boltzmann::core {
namespace {

// The shortest text that reads back as `value`.
std::string Text(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  return std::string(text, end);
}

// Collects the violations of the fields of one message.
class Checker {
 public:
  Checker(std::string_view path, std::vector<Violation>& violations)
      : path_(path), violations_(violations) {}

  void Check(bool holds, const char* field, double value, std::string_view range) {
    if (!holds) Add(field, absl::StrCat(Text(value), " is outside ", std::string(range)));
  }

  void CheckInteger(int64_t value, int64_t low, int64_t high, std::string field) {
    if (low <= value && value <= high) return;
    Add(field, absl::StrCat(value, " is outside [", low, ", ", high, "]"));
  }

  void Add(const std::string& field, std::string description) {
    violations_.push_back({absl::StrCat(std::string(path_), ".", field), std::move(description)});
  }

 private:
  std::string_view path_;
  std::vector<Violation>& violations_;
};

constexpr const char* kStageNames[] = {"temperature", "min_p", "top_k", "top_p"};

}  // namespace

absl::Span<const char* const> StageNames() { return kStageNames; }

// Every comparison below is false for NaN, so NaN is refused like any other value.

void Validate(const SamplingParams& params, std::string_view path,
              std::vector<Violation>& violations) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Checker checker(path, violations);
  checker.Check(params.temperature >= 0 && params.temperature < kInfinity, "temperature",
                params.temperature, "[0, inf)");
  checker.Check(params.min_p >= 0 && params.min_p <= 1, "min_p", params.min_p, "[0, 1]");
  checker.CheckInteger(params.top_k, -1, std::numeric_limits<int32_t>::max(), "top_k");
  checker.Check(params.top_p > 0 && params.top_p <= 1, "top_p", params.top_p, "(0, 1]");
}

void Validate(const OutputOptions& outputs, int32_t vocab_size, std::string_view path,
              std::vector<Violation>& violations) {
  Checker checker(path, violations);
  checker.CheckInteger(outputs.top_model_count, 0, vocab_size, "top_model_count");
  checker.CheckInteger(outputs.top_sampled_count, 0, vocab_size, "top_sampled_count");
  for (size_t i = 0; i < outputs.named_token_ids.size(); ++i) {
    const int32_t id = outputs.named_token_ids[i];
    if (0 <= id && id < vocab_size) continue;
    checker.Add(absl::StrCat("named_token_ids[", i, "]"),
                absl::StrCat(id, " is outside [0, ", vocab_size, ")"));
  }
}

void Validate(const RowState& state, std::string_view path, std::vector<Violation>& violations) {
  Checker(path, violations).CheckInteger(state.draw_count, 1, kMaxDrawCount, "draw_count");
}

}  // namespace boltzmann::core
