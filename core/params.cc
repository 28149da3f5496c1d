#include "core/params.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"

namespace boltzmann::core {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The shortest text that reads back as `value`.
std::string Text(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  return std::string(text, end);
}

bool IsToken(int32_t id, int32_t vocab_size) { return 0 <= id && id < vocab_size; }

bool AreTokens(absl::Span<const int32_t> ids, int32_t vocab_size) {
  return std::all_of(ids.begin(), ids.end(),
                     [vocab_size](int32_t id) { return IsToken(id, vocab_size); });
}

// Collects the violations of the fields of one message.
class Checker {
 public:
  Checker(std::string_view path, std::vector<Violation>& violations)
      : path_(path), violations_(violations) {}

  void Check(bool holds, const char* field, double value, std::string_view range) {
    if (!holds) Add(field, absl::StrCat(Text(value), " is outside ", std::string(range)));
  }

  // Comparisons are false for NaN, so NaN is refused like any other value.
  void CheckClosed(const char* field, double value, double low, double high) {
    if (low <= value && value <= high) return;
    Add(field, absl::StrCat(Text(value), " is outside [", Text(low), ", ", Text(high), "]"));
  }
  void CheckShare(const char* field, double value) {
    Check(value > 0 && value <= 1, field, value, "(0, 1]");
  }
  void CheckCutoff(const char* field, double value) {
    Check(value >= 0 && value < 1, field, value, "[0, 1)");
  }
  void CheckNotNegative(const char* field, double value) {
    Check(value >= 0 && value < kInfinity, field, value, "[0, inf)");
  }
  void CheckPositive(const char* field, double value) {
    Check(value > 0 && value < kInfinity, field, value, "(0, inf)");
  }

  void CheckInteger(int64_t value, int64_t low, int64_t high, std::string field) {
    if (low <= value && value <= high) return;
    Add(field, absl::StrCat(value, " is outside [", low, ", ", high, "]"));
  }

  void CheckTokens(absl::Span<const int32_t> ids, int32_t vocab_size, const std::string& field) {
    if (AreTokens(ids, vocab_size)) return;
    ValidateTokens(ids, vocab_size, absl::StrCat(std::string(path_), ".", field), violations_);
  }

  void CheckSequences(absl::Span<const TokenSequence> sequences, int32_t vocab_size,
                      const char* field) {
    for (size_t i = 0; i < sequences.size(); ++i) {
      const std::string name = absl::StrCat(field, "[", i, "].token_ids");
      if (sequences[i].empty()) Add(name, "is empty: give at least one token, or leave it out");
      CheckTokens(sequences[i], vocab_size, name);
    }
  }

  void Add(const std::string& field, std::string description) {
    violations_.push_back({absl::StrCat(std::string(path_), ".", field), std::move(description)});
  }

 private:
  std::string_view path_;
  std::vector<Violation>& violations_;
};

constexpr const char* kStageNames[kStageCount] = {
    "top_n_sigma",    "temperature", "min_p", "top_k",    "typical_p",  "top_p",
    "epsilon_cutoff", "eta_cutoff",  "xtc",   "mirostat", "top_k_top_p"};

constexpr Stage kDefaultOrder[] = {
    Stage::kTopNSigma, Stage::kTemperature,   Stage::kMinP,      Stage::kTopK, Stage::kTypicalP,
    Stage::kTopP,      Stage::kEpsilonCutoff, Stage::kEtaCutoff, Stage::kXtc,  Stage::kMirostat};

void CheckBias(const SamplingParams& params, int32_t vocab_size, Checker& checker) {
  const auto ids = params.logit_bias_token_ids;
  checker.CheckTokens(ids, vocab_size, "logit_bias.token_ids");
  if (ids.size() != params.logit_biases.size()) {
    checker.Add("logit_bias.biases", absl::StrCat(params.logit_biases.size(), " values for ",
                                                  ids.size(), " token_ids: give one for each"));
  }
  for (size_t i = 0; i < params.logit_biases.size(); ++i) {
    if (!std::isnan(params.logit_biases[i])) continue;
    checker.Add(absl::StrCat("logit_bias.biases[", i, "]"), "nan is outside [-inf, inf]");
  }
  if (std::is_sorted(ids.begin(), ids.end(), std::less_equal<>())) return;
  std::vector<int32_t> sorted(ids.begin(), ids.end());
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice == sorted.end()) return;
  checker.Add("logit_bias.token_ids",
              absl::StrCat("token ", *twice, " has several biases: give each token one"));
}

// That no stage is on which the order leaves out, and none would run twice.
void CheckOrder(const SamplingParams& params, Checker& checker) {
  const auto order = params.filter_order;
  if (order.empty()) return;
  const auto listed = [order](Stage stage) {
    return std::find(order.begin(), order.end(), stage) != order.end();
  };
  const bool joint = listed(Stage::kTopKTopP);
  for (Stage stage : DefaultOrder()) {
    const bool jointly = joint && (stage == Stage::kTopK || stage == Stage::kTopP);
    if (jointly && listed(stage)) {
      checker.Add("filter_order", absl::StrCat("lists both top_k_top_p and ", NameOf(stage),
                                               ": leave out one of them"));
    }
    if (jointly || listed(stage)) continue;
    const bool on = stage == Stage::kTemperature
                        ? params.temperature != 1 || params.dynamic_temperature_range > 0
                        : params.IsOn(stage, std::numeric_limits<int32_t>::max());
    if (!on) continue;
    checker.Add("filter_order", absl::StrCat("does not list ", NameOf(stage),
                                             ", which is set: list it, or leave it unset"));
  }
}

}  // namespace

absl::Span<const char* const> StageNames() { return kStageNames; }

std::optional<Stage> FindStage(std::string_view name) {
  for (int i = 0; i < kStageCount; ++i) {
    if (name == kStageNames[i]) return static_cast<Stage>(i);
  }
  return std::nullopt;
}

absl::Span<const Stage> DefaultOrder() { return kDefaultOrder; }

bool SamplingParams::IsOn(Stage stage, int32_t vocab_size) const {
  switch (stage) {
    case Stage::kTopNSigma:
      return top_n_sigma > 0;
    case Stage::kTemperature:
      return true;
    case Stage::kMinP:
      return min_p > 0;
    case Stage::kTopK:
      return top_k > 0 && top_k < vocab_size;
    case Stage::kTypicalP:
      return typical_p < 1;
    case Stage::kTopP:
      return top_p < 1;
    case Stage::kEpsilonCutoff:
      return epsilon_cutoff > 0;
    case Stage::kEtaCutoff:
      return eta_cutoff > 0;
    case Stage::kXtc:
      return xtc_probability > 0 && xtc_threshold <= 0.5;
    case Stage::kMirostat:
      return mirostat != 0;
    case Stage::kTopKTopP:
      return IsOn(Stage::kTopK, vocab_size) || IsOn(Stage::kTopP, vocab_size);
  }
  return false;
}

void Validate(const SamplingParams& params, int32_t vocab_size, std::string_view path,
              std::vector<Violation>& violations) {
  constexpr auto kMaxInt = std::numeric_limits<int32_t>::max();
  Checker checker(path, violations);
  checker.CheckNotNegative("temperature", params.temperature);
  checker.CheckClosed("min_p", params.min_p, 0, 1);
  checker.CheckInteger(params.top_k, -1, kMaxInt, "top_k");
  checker.CheckShare("top_p", params.top_p);
  checker.CheckShare("typical_p", params.typical_p);
  checker.CheckCutoff("epsilon_cutoff", params.epsilon_cutoff);
  checker.CheckCutoff("eta_cutoff", params.eta_cutoff);
  checker.CheckNotNegative("top_n_sigma", params.top_n_sigma);
  checker.CheckClosed("xtc_probability", params.xtc_probability, 0, 1);
  checker.CheckClosed("xtc_threshold", params.xtc_threshold, 0, 1);
  checker.CheckNotNegative("dynamic_temperature_range", params.dynamic_temperature_range);
  checker.CheckPositive("dynamic_temperature_exponent", params.dynamic_temperature_exponent);
  checker.CheckInteger(params.mirostat, 0, 2, "mirostat");
  checker.CheckNotNegative("mirostat_tau", params.mirostat_tau);
  checker.CheckNotNegative("mirostat_eta", params.mirostat_eta);
  CheckOrder(params, checker);
  CheckBias(params, vocab_size, checker);
  checker.CheckTokens(params.allowed_token_ids, vocab_size, "allowed_token_ids");
  checker.CheckTokens(params.banned_token_ids, vocab_size, "banned_token_ids");
  checker.CheckSequences(params.banned_sequences, vocab_size, "banned_sequences");
  checker.CheckTokens(params.stop_token_ids, vocab_size, "stop_token_ids");
  if (params.min_tokens > 0 && params.stop_token_ids.empty()) {
    checker.Add("min_tokens",
                absl::StrCat(params.min_tokens, " needs stop_token_ids to hold back: name them"));
  }
  checker.CheckPositive("repetition_penalty", params.repetition_penalty);
  checker.CheckClosed("frequency_penalty", params.frequency_penalty, -2, 2);
  checker.CheckClosed("presence_penalty", params.presence_penalty, -2, 2);
  checker.CheckNotNegative("dry_multiplier", params.dry_multiplier);
  checker.Check(params.dry_base >= 1 && params.dry_base < kInfinity, "dry_base", params.dry_base,
                "[1, inf)");
  checker.CheckInteger(params.dry_allowed_length, 1, kMaxInt, "dry_allowed_length");
  checker.CheckSequences(params.dry_sequence_breakers, vocab_size, "dry_sequence_breakers");
}

void Validate(const OutputOptions& outputs, int32_t vocab_size, std::string_view path,
              std::vector<Violation>& violations) {
  Checker checker(path, violations);
  checker.CheckInteger(outputs.top_model_count, 0, vocab_size, "top_model_count");
  checker.CheckInteger(outputs.top_sampled_count, 0, vocab_size, "top_sampled_count");
  checker.CheckTokens(outputs.named_token_ids, vocab_size, "named_token_ids");
}

void Validate(const RowState& state, const SamplingParams& params, int32_t vocab_size,
              std::string_view path, std::vector<Violation>& violations) {
  Checker checker(path, violations);
  checker.CheckInteger(state.draw_count, 1, kMaxDrawCount, "draw_count");
  if (params.mirostat != 0 && state.draw_count > 1) {
    checker.Add("draw_count", absl::StrCat(state.draw_count,
                                           " draws cannot move mirostat_mu on: "
                                           "with mirostat draw 1"));
  }
  checker.CheckTokens(state.prompt_token_ids, vocab_size, "prompt_token_ids");
  checker.CheckTokens(state.output_token_ids, vocab_size, "output_token_ids");
  if (state.allowed_token_mask) {
    const size_t bytes = state.allowed_token_mask->size();
    const size_t most = (static_cast<size_t>(vocab_size) + 31) / 32 * 4;
    if (bytes == 0 || bytes % 4 != 0 || bytes > most) {
      checker.Add("allowed_token_mask",
                  absl::StrCat(bytes, " bytes are not 1 to ", most / 4,
                               " words of 4 bytes: leave it out to allow every token"));
    }
  }
  if (state.mirostat_mu && !std::isfinite(*state.mirostat_mu)) {
    checker.Add("mirostat_mu", Text(*state.mirostat_mu) + " is outside (-inf, inf)");
  }
}

bool ValidateTokens(absl::Span<const int32_t> ids, int32_t vocab_size, const std::string& field,
                    std::vector<Violation>& violations) {
  constexpr size_t kMostNamed = 8;
  const std::string range = absl::StrCat(" outside [0, ", vocab_size, ")");
  size_t outside = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (IsToken(ids[i], vocab_size) || ++outside > kMostNamed) continue;
    violations.push_back({absl::StrCat(field, "[", i, "]"), absl::StrCat(ids[i], " is", range)});
  }
  if (outside > kMostNamed) {
    violations.push_back({field, absl::StrCat(outside - kMostNamed, " more ids are", range)});
  }
  return outside == 0;
}

void ParseFilterOrder(absl::Span<const std::string_view> names, std::string_view path,
                      std::vector<Stage>& order, std::vector<Violation>& violations) {
  Checker checker(path, violations);
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string field = absl::StrCat("filter_order[", i, "]");
    const std::optional<Stage> stage = FindStage(names[i]);
    if (!stage) {
      const std::string name(names[i].substr(0, 64));
      checker.Add(field, absl::StrCat("'", name, "' is no stage: GetServerInfo lists them"));
    } else if (std::find(order.begin(), order.end(), *stage) != order.end()) {
      checker.Add(field, absl::StrCat(NameOf(*stage), " is listed twice"));
    } else {
      order.push_back(*stage);
    }
  }
}

}  // namespace boltzmann::core
