// The server's log: one line an event on standard error, for people or for machines.
#ifndef BOLTZMANN_SERVER_LOG_H_
#define BOLTZMANN_SERVER_LOG_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/mutex.h"
#include "spdlog/common.h"

namespace boltzmann::server {

using LogLevel = spdlog::level::level_enum;

// A fact beside a line's message.
struct LogField {
  LogField(const char* field, std::string_view text) : name(field), value(text) {}
  LogField(const char* field, const std::string& text) : name(field), value(text) {}
  LogField(const char* field, const char* text) : name(field), value(std::string_view(text)) {}
  template <typename Number, typename = std::enable_if_t<std::is_integral_v<Number>>>
  LogField(const char* field, Number number) : name(field), value(static_cast<int64_t>(number)) {}
  LogField(const char* field, double number) : name(field), value(number) {}

  const char* name;
  std::variant<std::string_view, int64_t, double> value;  // text is not owned
};

// Keeps a kind of line from flooding the log: at most `kBurst` at once, `kPerSecond` in the long
// run. Thread-safe.
class LogLimiter {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr double kPerSecond = 10;
  static constexpr double kBurst = 50;

  // Whether a line may be written now. If so, `left_out` is how many were not since the last one.
  bool Allow(Clock::time_point now, int64_t& left_out);

 private:
  core::Mutex mutex_;
  double room_ ABSL_GUARDED_BY(mutex_) = kBurst;
  Clock::time_point last_ ABSL_GUARDED_BY(mutex_) = Clock::time_point::min();
  int64_t left_out_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Sets up the process's log, and sends gRPC's and protobuf's own errors to it. Call once, before
// any server starts. `format` is text (message name=value ..., values quoted where they are not one
// word) or json (one object a line: time, level, message, and the fields). INVALID_ARGUMENT for
// another one, or a level that SetLogLevel refuses.
absl::Status StartLog(const std::string& level, const std::string& format);

// From now on. INVALID_ARGUMENT if `level` is not one of trace, debug, info, warning, error, off.
// Thread-safe, as all that follows.
absl::Status SetLogLevel(const std::string& level);
std::string CurrentLogLevel();

// Whether lines of this level are written.
bool Logs(LogLevel level);

// Writes a line. Whatever the texts hold, it is one line.
void Log(LogLevel level, std::string_view message, absl::Span<const LogField> fields = {});

// The same, unless there are too many. One that is written after others were left out says so.
void Log(LogLimiter& limiter, LogLevel level, std::string_view message,
         absl::Span<const LogField> fields = {});

// As `format` has it, without time and level.
std::string TEST_Render(std::string_view message, absl::Span<const LogField> fields, bool json);

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_LOG_H_
