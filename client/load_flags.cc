#include "client/load_flags.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/declare.h"
#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/command.h"
#include "client/common_flags.h"
#include "client/logits_file.h"
#include "client/logits_flags.h"
#include "client/params_flags.h"
#include "client/shared_memory_flags.h"

ABSL_DECLARE_FLAG(std::string, logits);
ABSL_DECLARE_FLAG(std::optional<uint32_t>, sparse_count);
ABSL_DECLARE_FLAG(std::string, shared_memory_dir);

ABSL_FLAG(
    std::vector<std::string>, concurrency, {},
    "Closed loop: this many calls in flight, each followed by the next once it is answered; a "
    "list is a sweep, a step for each. Unset means 1, unless --rate is given.");
ABSL_FLAG(std::vector<std::string>, rate, {},
          "Open loop: this many calls a second, whatever becomes of them; a list is a sweep.");
ABSL_FLAG(std::string, arrivals, "constant",
          "Of an open loop: constant, at even distances, or poisson, at random ones.");
ABSL_FLAG(int, max_in_flight, 64,
          "Of an open loop: the most calls under way, a thread for each. A call that is due while "
          "all are busy waits, and its wait counts.");
ABSL_FLAG(bool, find_max, false,
          "Look for the highest rate, from --rate on, at which every call is answered and --slo is "
          "kept to: no value needed.");
ABSL_FLAG(
    std::string, slo, "",
    "Of --find_max: the objective, such as 'p99<5ms,max<100ms'; p50, p90, p99, p99.9, p99.99, "
    "max or mean.");
ABSL_FLAG(
    std::string, transport, "inline",
    "How logits travel: inline, sparse (--sparse_count, or 1024, of each row) or shared_memory "
    "(--shared_memory_dir).");
ABSL_FLAG(std::string, method, "unary",
          "unary: a call of Sample each; stream: a step of StreamSample each, a stream for each "
          "call in flight.");
ABSL_FLAG(uint32_t, rows, 1, "Rows in a call: an integer >= 1. Not with --logits.");
ABSL_FLAG(uint32_t, vocab_size, 128256, "Logits in a row: an integer >= 1. Not with --logits.");
ABSL_FLAG(std::string, shape, "peaked",
          "Logits to make up: peaked, as a language model's, or flat. Not with --logits.");
ABSL_FLAG(std::string, mix, "",
          "rows: each row has a temperature, top-k, top-p and min-p of its own, in place of the "
          "flags that set them for all.");
ABSL_FLAG(int, connections, 1, "Connections that the calls are dealt to: an integer >= 1.");
ABSL_FLAG(absl::Duration, warmup, absl::Seconds(1),
          "How long each step runs before anything is counted.");
ABSL_FLAG(absl::Duration, duration, absl::Seconds(10), "How long each step is measured.");
ABSL_FLAG(std::optional<uint64_t>, requests, std::nullopt,
          "End each step after this many calls, if that is earlier; the warm-up's count.");
ABSL_FLAG(double, verify, 0,
          "The share of the answers, from 0 to 1, that are compared with what each row alone is "
          "answered: tokens and log-probs must be the same, to the bit.");

namespace boltzmann::client {
namespace {

constexpr uint32_t kSparseCount = 1024;
constexpr int kMostThreads = 4096;

absl::Status Refuse(const char* flag, const std::string& value, const char* allowed) {
  return Misuse(absl::StrCat("--", flag, ": '", value, "' is not ", allowed));
}

absl::Status OneOf(const char* flag, const std::string& value,
                   const std::vector<const char*>& allowed) {
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return absl::OkStatus();
  std::string list;
  for (const char* each : allowed) absl::StrAppend(&list, list.empty() ? "" : " or ", each);
  return Refuse(flag, value, list.c_str());
}

absl::Status CheckChoices() {
  absl::Status status = OneOf("arrivals", absl::GetFlag(FLAGS_arrivals), {"constant", "poisson"});
  status.Update(
      OneOf("transport", absl::GetFlag(FLAGS_transport), {"inline", "sparse", "shared_memory"}));
  status.Update(OneOf("method", absl::GetFlag(FLAGS_method), {"unary", "stream"}));
  status.Update(OneOf("shape", absl::GetFlag(FLAGS_shape), {"peaked", "flat"}));
  status.Update(OneOf("mix", absl::GetFlag(FLAGS_mix), {"", "rows"}));
  return status;
}

// What goes with what.
absl::Status CheckTogether() {
  const bool open_loop = !absl::GetFlag(FLAGS_rate).empty();
  const bool shared = absl::GetFlag(FLAGS_transport) == "shared_memory";
  const bool has_directory = !absl::GetFlag(FLAGS_shared_memory_dir).empty();
  if (open_loop && !absl::GetFlag(FLAGS_concurrency).empty()) {
    return Misuse("--rate and --concurrency: a loop is open or closed, give one of them");
  }
  if (absl::GetFlag(FLAGS_find_max)) {
    if (absl::GetFlag(FLAGS_rate).size() != 1) {
      return Misuse("--find_max: give one --rate to begin with");
    }
    if (absl::GetFlag(FLAGS_slo).empty()) {
      return Misuse("--find_max: give an objective, such as --slo 'p99<5ms'");
    }
  } else if (!absl::GetFlag(FLAGS_slo).empty()) {
    return Misuse("--slo: is for --find_max; to judge a test, use --fail_if 'p99>5ms'");
  }
  if (shared != has_directory) {
    return Misuse(shared ? "--transport shared_memory: give --shared_memory_dir, the server's"
                         : "--shared_memory_dir: is for --transport shared_memory");
  }
  if (absl::GetFlag(FLAGS_sparse_count) && absl::GetFlag(FLAGS_transport) != "sparse") {
    return Misuse("--sparse_count: is for --transport sparse");
  }
  return absl::OkStatus();
}

absl::Status CheckNumbers() {
  const auto in_range = [](const char* flag, auto value, auto low, auto high) {
    if (value >= low && value <= high) return absl::OkStatus();
    return Misuse(absl::StrCat("--", flag, ": ", value, " is outside [", low, ", ", high, "]"));
  };
  absl::Status status =
      in_range("max_in_flight", absl::GetFlag(FLAGS_max_in_flight), 1, kMostThreads);
  status.Update(in_range("connections", absl::GetFlag(FLAGS_connections), 1, kMostThreads));
  status.Update(in_range("rows", absl::GetFlag(FLAGS_rows), 1u, 1u << 20));
  status.Update(in_range("vocab_size", absl::GetFlag(FLAGS_vocab_size), 1u, 1u << 24));
  status.Update(in_range("verify", absl::GetFlag(FLAGS_verify), 0.0, 1.0));
  const auto time = [](const char* flag, absl::Duration value, absl::Duration low) {
    if (value >= low && value <= absl::Hours(24)) return absl::OkStatus();
    return Misuse(absl::StrCat("--", flag, ": ", absl::FormatDuration(value), " is outside [",
                               absl::FormatDuration(low), ", 24h]"));
  };
  status.Update(time("warmup", absl::GetFlag(FLAGS_warmup), absl::ZeroDuration()));
  status.Update(time("duration", absl::GetFlag(FLAGS_duration), absl::Milliseconds(1)));
  if (absl::GetFlag(FLAGS_requests) == 0) status.Update(Refuse("requests", "0", "at least 1"));
  return status;
}

absl::StatusOr<LogitMatrix> MatrixFromFlags(std::istream& standard_input) {
  const std::string path = absl::GetFlag(FLAGS_logits);
  if (!path.empty()) return ReadLogits(path, standard_input);
  return MakeLogits(absl::GetFlag(FLAGS_shape) == "flat" ? Shape::kFlat : Shape::kPeaked,
                    absl::GetFlag(FLAGS_rows), absl::GetFlag(FLAGS_vocab_size));
}

}  // namespace

std::vector<std::string_view> LoadFlags() {
  return Joined({{"concurrency", "rate", "arrivals", "max_in_flight", "find_max", "slo"},
                 {"transport", "method", "rows", "vocab_size", "shape", "mix"},
                 {"connections", "warmup", "duration", "requests", "verify"},
                 LogitsFlags(),
                 SparseFlags(),
                 SharedMemoryFlags(),
                 SamplingParamsFlags(),
                 ConnectionFlags()});
}

absl::StatusOr<LoadOptions> LoadOptionsFromFlags() {
  for (absl::Status status : {CheckChoices(), CheckTogether(), CheckNumbers()}) {
    if (!status.ok()) return status;
  }
  LoadOptions options;
  if (!absl::GetFlag(FLAGS_concurrency).empty()) options.concurrencies.clear();
  for (const std::string& text : absl::GetFlag(FLAGS_concurrency)) {
    int& concurrency = options.concurrencies.emplace_back();
    if (!absl::SimpleAtoi(text, &concurrency) || concurrency < 1 || concurrency > kMostThreads) {
      return Refuse("concurrency", text, "an integer in [1, 4096]");
    }
  }
  for (const std::string& text : absl::GetFlag(FLAGS_rate)) {
    double& rate = options.rates.emplace_back();
    if (!absl::SimpleAtod(text, &rate) || !(rate > 0) || !(rate <= 1e6)) {
      return Refuse("rate", text, "a number of calls a second in (0, 1000000]");
    }
  }
  if (!absl::GetFlag(FLAGS_slo).empty()) {
    auto objectives = ParseObjectives(absl::GetFlag(FLAGS_slo));
    if (!objectives.ok()) {
      return Misuse("--slo: " + std::string(objectives.status().message()));
    }
    options.objectives = *std::move(objectives);
  }
  const bool poisson = absl::GetFlag(FLAGS_arrivals) == "poisson";
  options.arrivals = poisson ? Arrivals::kPoisson : Arrivals::kConstant;
  options.max_in_flight = absl::GetFlag(FLAGS_max_in_flight);
  options.find_max = absl::GetFlag(FLAGS_find_max);
  options.connections = absl::GetFlag(FLAGS_connections);
  options.stream = absl::GetFlag(FLAGS_method) == "stream";
  options.warmup = absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_warmup));
  options.duration = absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_duration));
  options.max_calls = absl::GetFlag(FLAGS_requests).value_or(options.max_calls);
  options.verified_share = absl::GetFlag(FLAGS_verify);
  return options;
}

absl::StatusOr<LoadWorkload> LoadWorkloadFromFlags(const Client& client,
                                                   std::istream& standard_input) {
  absl::StatusOr<LogitMatrix> read = MatrixFromFlags(standard_input);
  if (!read.ok()) return read.status();
  const auto type = SendAsFromFlags();
  if (!type.ok()) return type.status();
  const LogitMatrix matrix = *type ? ConvertTo(*std::move(read), **type) : *std::move(read);
  v1::SampleRequest request = RequestWithoutLogits(matrix, 1);
  request.add_outputs()->set_logprobs(v1::LOGPROB_MODE_BOTH);
  if (absl::GetFlag(FLAGS_mix) == "rows") {
    for (uint32_t row = 0; row < matrix.row_count; ++row) *request.add_params() = MixedParams(row);
  } else {
    *request.add_params() = SamplingParamsFromFlags();
  }
  const std::string transport = absl::GetFlag(FLAGS_transport);
  if (transport == "sparse") {
    return SparseWorkload(std::move(request), matrix,
                          absl::GetFlag(FLAGS_sparse_count).value_or(kSparseCount));
  }
  if (transport == "inline") return InlineWorkload(std::move(request), matrix);
  auto shared =
      SharedWorkload(std::move(request), matrix, client, absl::GetFlag(FLAGS_shared_memory_dir));
  if (!shared.ok()) return CallError(shared.status());
  return shared;
}

std::string ObjectiveFromFlags() { return absl::GetFlag(FLAGS_slo); }

std::map<std::string, std::string> LoadSettings() {
  std::map<std::string, std::string> settings;
  for (const std::string_view name : LoadFlags()) {
    const absl::CommandLineFlag* flag = absl::FindCommandLineFlag({name.data(), name.size()});
    if (flag == nullptr || flag->CurrentValue() == flag->DefaultValue()) continue;
    settings[std::string(name)] = flag->CurrentValue();
  }
  return settings;
}

}  // namespace boltzmann::client
