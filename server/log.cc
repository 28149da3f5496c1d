#include "server/log.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/stubs/logging.h"
#include "grpc/support/log.h"
#include "spdlog/sinks/stdout_color_sinks.h"
#include "spdlog/spdlog.h"

namespace boltzmann::server {
namespace {

// The message and the fields of a JSON line follow time and level.
constexpr char kTextPattern[] = "%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v";
constexpr char kJsonPattern[] = R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})";

bool writes_json = false;  // set once, before any line is written

// As a JSON string. Bytes that are no UTF-8 become U+FFFD.
std::string Quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Whether `text` can be told from what stands beside it.
bool IsWord(std::string_view text) {
  const auto is_plain = [](char c) { return absl::ascii_isgraph(c) && c != '"' && c != '='; };
  return !text.empty() && std::all_of(text.begin(), text.end(), is_plain);
}

struct ToText {
  std::string operator()(std::string_view text) const {
    return json || !IsWord(text) ? Quoted(text) : std::string(text);
  }
  std::string operator()(int64_t number) const { return absl::StrCat(number); }
  std::string operator()(double number) const { return nlohmann::json(number).dump(); }

  bool json;
};

// What people read, on one line.
std::string Message(std::string_view message) {
  const auto is_control = [](char c) { return absl::ascii_iscntrl(c); };
  const bool is_line = std::none_of(message.begin(), message.end(), is_control);
  return is_line ? std::string(message) : Quoted(message);
}

std::string Render(std::string_view message, absl::Span<const LogField> fields, bool json) {
  std::string line = json ? absl::StrCat("\"message\":", Quoted(message)) : Message(message);
  for (const LogField& field : fields) {
    const std::string value = std::visit(ToText{json}, field.value);
    if (json) {
      absl::StrAppend(&line, ",\"", field.name, "\":", value);
    } else {
      absl::StrAppend(&line, " ", field.name, "=", value);
    }
  }
  return line;
}

void LogFromGrpc(gpr_log_func_args* args) {
  static LogLimiter limiter;
  if (args->severity == GPR_LOG_SEVERITY_ERROR)
    Log(limiter, LogLevel::warn, "gRPC", {{"error", args->message}});
}

// What protobuf has to say is of requests that are none, whose callers are told.
void LogFromProtobuf(google::protobuf::LogLevel, const char*, int, const std::string& message) {
  Log(LogLevel::debug, "protobuf", {{"error", message}});
}

}  // namespace

bool LogLimiter::Allow(Clock::time_point now, int64_t& left_out) {
  core::MutexLock lock(mutex_);
  if (last_ != Clock::time_point::min()) {
    const std::chrono::duration<double> passed = now - last_;
    room_ = std::min(kBurst, room_ + std::max(0., passed.count()) * kPerSecond);
  }
  last_ = now;
  if (room_ < 1) {
    ++left_out_;
    return false;
  }
  room_ -= 1;
  left_out = std::exchange(left_out_, 0);
  return true;
}

absl::Status StartLog(const std::string& level, const std::string& format) {
  if (format != "text" && format != "json") {
    return absl::InvalidArgumentError(
        absl::StrCat("log_format: ", format, " is not one of text, json"));
  }
  if (absl::Status status = SetLogLevel(level); !status.ok()) return status;
  writes_json = format == "json";
  spdlog::set_default_logger(spdlog::stderr_color_mt("boltzmann"));
  spdlog::set_pattern(writes_json ? kJsonPattern : kTextPattern);
  SetLogLevel(level).IgnoreError();  // of the logger that was just set
  gpr_set_log_function(LogFromGrpc);
  google::protobuf::SetLogHandler(LogFromProtobuf);
  return absl::OkStatus();
}

absl::Status SetLogLevel(const std::string& level) {
  const auto parsed = spdlog::level::from_str(level);
  if (parsed == spdlog::level::off && level != "off") {
    return absl::InvalidArgumentError(absl::StrCat(
        "log_level: ", level, " is not one of trace, debug, info, warning, error, off"));
  }
  spdlog::set_level(parsed);
  return absl::OkStatus();
}

std::string CurrentLogLevel() {
  const auto name = spdlog::level::to_string_view(spdlog::get_level());
  return std::string(name.data(), name.size());
}

bool Logs(LogLevel level) { return spdlog::should_log(level); }

void Log(LogLevel level, std::string_view message, absl::Span<const LogField> fields) {
  if (!Logs(level)) return;
  spdlog::log(level, "{}", Render(message, fields, writes_json));
}

void Log(LogLimiter& limiter, LogLevel level, std::string_view message,
         absl::Span<const LogField> fields) {
  int64_t left_out = 0;
  if (!Logs(level) || !limiter.Allow(LogLimiter::Clock::now(), left_out)) return;
  std::vector<LogField> all(fields.begin(), fields.end());
  if (left_out > 0) all.emplace_back("left_out", left_out);
  spdlog::log(level, "{}", Render(message, all, writes_json));
}

std::string TEST_Render(std::string_view message, absl::Span<const LogField> fields, bool json) {
  return Render(message, fields, json);
}

}  // namespace boltzmann::server
