// `boltzmann load`: how much a server can take, and how long its callers wait.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/command.h"
#include "client/common_flags.h"
#include "client/load_figures.h"
#include "client/load_flags.h"
#include "client/load_report_flags.h"
#include "client/load_test.h"

namespace boltzmann::client {
namespace {

std::atomic<bool> interrupted = false;

// While it lives, SIGINT or SIGTERM ends the test, not the program: what was measured is reported,
// once the calls in flight have ended. A second one ends the program. (SIGTERM is what ends a
// container; process 1 ignores it without a handler.)
class Interruptible {
 public:
  Interruptible() {
    interrupted = false;
    struct sigaction action = {};
    action.sa_handler = [](int) { interrupted = true; };
    action.sa_flags = SA_RESETHAND;
    sigaction(SIGINT, &action, &before_interrupt_);
    sigaction(SIGTERM, &action, &before_terminate_);
  }
  ~Interruptible() {
    sigaction(SIGINT, &before_interrupt_, nullptr);
    sigaction(SIGTERM, &before_terminate_, nullptr);
  }

  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

 private:
  struct sigaction before_interrupt_;
  struct sigaction before_terminate_;
};

// One line, written over again and again.
void ShowProgress(const LoadProgress& progress, std::ostream& out) {
  out << absl::StreamFormat(
             "\r%s: %.0f calls/s, p50 %.3f ms, p99 %.3f ms, %d errors, %.0f s left\x1b[K",
             StepName(progress.setting), progress.calls_per_second,
             Milliseconds(progress.latency.Percentile(.5)),
             Milliseconds(progress.latency.Percentile(.99)), progress.error_count,
             progress.seconds_left)
      << std::flush;
}

bool IsOnTerminal(const std::ostream& out) { return &out == &std::cerr && isatty(STDERR_FILENO); }

// What the test says of itself, beyond its report.
absl::Status Verdict(const LoadResult& result) {
  if (!result.aborted.empty()) {
    return absl::AbortedError("the test ended early: " + result.aborted);
  }
  for (const LoadStep& step : result.steps) {
    if (step.wrong_count > 0) {
      return absl::DataLossError(absl::StrCat(StepName(step), ": ", step.wrong_count, " of ",
                                              step.verified_count,
                                              " answers were not what each row alone is answered"));
    }
    if (step.call_count == 0) {
      return absl::UnavailableError(
          absl::StrCat(StepName(step), ": no call was answered",
                       step.errors.empty() ? "" : "; the first error: ", step.first_error));
    }
  }
  return absl::OkStatus();
}

absl::Status RunLoadCommand(const std::vector<std::string>& arguments, Console& console) {
  if (!arguments.empty()) return Misuse("`load` takes no argument: '" + arguments[0] + "'");
  const absl::StatusOr<LoadOptions> options = LoadOptionsFromFlags();
  if (!options.ok()) return options.status();
  if (absl::Status status = CheckLoadReportFlags(); !status.ok()) return status;
  const absl::StatusOr<Client> client = ClientFromFlags();
  if (!client.ok()) return client.status();
  const auto info = client->GetServerInfo();
  if (!info.ok()) return CallError(info.status());
  const absl::StatusOr<LoadWorkload> workload = LoadWorkloadFromFlags(*client, console.in);
  if (!workload.ok()) return workload.status();

  const bool live = IsOnTerminal(console.err);
  const auto show = [&](const LoadProgress& progress) {
    if (live) ShowProgress(progress, console.err);
  };
  // Retries would hide errors, and count as latency.
  ClientOptions client_options = ClientOptionsFromFlags();
  client_options.max_attempts = 1;
  const Interruptible interruptible;
  absl::StatusOr<LoadResult> result =
      RunLoad(client_options, *options, *workload, interrupted, show);
  if (live) console.err << "\r\x1b[K";
  if (!result.ok()) return CallError(result.status());
  result->target = client_options.target;
  result->server_version = info->version();
  result->instruction_set = info->instruction_set();
  result->settings = LoadSettings();
  result->objective = ObjectiveFromFlags();
  const absl::Status reported = ReportLoad(*result, console);
  const absl::Status verdict = Verdict(*result);
  return verdict.ok() ? reported : verdict;
}

}  // namespace

const Command& LoadCommand() {
  static const Command command = {
      "load",
      "Call a server again and again, and report how long calls take.",
      "load [flags]",
      "  boltzmann load --rows 16 --top_p .9 --concurrency 1,2,4,8 --html load.html\n"
      "  boltzmann load --rows 64 --send_as bfloat16 --rate 200 --arrivals poisson\n"
      "  boltzmann load --transport sparse --rate 500 --find_max --slo 'p99<5ms'\n",
      Joined({LoadFlags(), LoadReportFlags()}),
      RunLoadCommand,
  };
  return command;
}

}  // namespace boltzmann::client
