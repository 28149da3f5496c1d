#include "server/call_record.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "server/call_context.h"
#include "server/convert.h"
#include "server/log.h"

namespace boltzmann::server {
namespace {

// A deadline comes as the time that is left, and was that when the caller sent it: by the caller's
// clock it passes earlier, by the time on the way, and then the caller cancels.
constexpr std::chrono::milliseconds kOnTheWay(20);

}  // namespace

CallRecord::CallRecord(const char* method, const grpc::CallbackServerContext& context,
                       const Backend& backend)
    : method_(method), context_(context), backend_(backend), deadline_(SteadyDeadline(context)) {
  backend_.counters.CountBegun();
}

absl::Status CallRecord::End(absl::Status status, const Work* work) {
  const Clock::time_point now = Clock::now();
  if (absl::IsCancelled(status) && now >= deadline_ - kOnTheWay) {
    status = absl::DeadlineExceededError("the deadline passed before every row was sampled");
  }
  const WorkSummary summary = work == nullptr ? WorkSummary() : work->Summary();
  backend_.counters.CountEnded(status);
  if (status.ok()) {
    backend_.counters.CountTimes(turn_came_ - begun_, now - received_);
    backend_.metrics.CountAnswer(turn_came_ - begun_, summary);
  } else {
    backend_.metrics.CountFailure(status, stage_);
  }
  Write(status, summary);
  return status;
}

void CallRecord::Write(const absl::Status& status, const WorkSummary& work) const {
  // Answers are the rule, and come by the thousand; callers can make what fails come so, too.
  static LogLimiter limiter;
  const auto level = status.ok() ? LogLevel::debug : LogLevel::info;
  int64_t left_out = 0;
  if (!Logs(level) || (!status.ok() && !limiter.Allow(LogLimiter::Clock::now(), left_out))) return;
  const CallTrace trace = TraceOf(context_);
  const std::string code = absl::StatusCodeToString(status.code());
  const std::string peer = context_.peer();
  const std::string error(status.message());
  const std::chrono::duration<double, std::milli> taken = Clock::now() - begun_;
  std::vector<LogField> fields = {{"rows", work.row_count},
                                  {"vocab_size", work.vocab_size},
                                  {"type", NameOf(work.data_type)},
                                  {"status", code},
                                  {"ms", std::round(taken.count() * 1000) / 1000},
                                  {"peer", peer}};
  const auto add = [&fields](const char* name, const std::string& value) {
    if (!value.empty()) fields.emplace_back(name, value);
  };
  add("request_id", trace.request_id);
  add("trace_id", trace.trace_id);
  add("span_id", trace.span_id);
  add("error", error);
  if (left_out > 0) fields.emplace_back("left_out", left_out);
  Log(level, method_, fields);
}

}  // namespace boltzmann::server
