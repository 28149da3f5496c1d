#include "server/flags.h"

#include <charconv>
#include <cstdlib>
#include <limits>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "core/logits.h"

ABSL_FLAG(
    std::string, listen, "127.0.0.1:50051",
    "Where to listen: HOST:PORT (port 0: one that is free) or unix:PATH, several by commas or "
    "by repeating the flag. Beyond loopback, TLS and callers' certificates or tokens are needed.");
ABSL_FLAG(std::string, unix_socket_mode, "0755",
          "Permissions of Unix sockets, in octal. To connect, a user must be allowed to write.");
ABSL_FLAG(int32_t, workers, 0, "Threads that sample. 0: one for each processor.");
ABSL_FLAG(std::string, instruction_set, "auto",
          "What rows are computed with: avx512, avx2, neon, portable, or auto for the fastest that "
          "this machine has. All give the same bits.");
ABSL_FLAG(absl::Duration, worker_spin, absl::FromChrono(boltzmann::core::EngineOptions().spin),
          "How long a worker without work stays awake. Longer cuts the time to the first row of a "
          "batch, and costs a processor meanwhile.");
ABSL_FLAG(int32_t, max_message_bytes, boltzmann::server::Limits().max_message_bytes,
          "The largest request, in bytes.");
ABSL_FLAG(uint32_t, max_row_count, boltzmann::server::Limits().max_row_count,
          "The most rows in one call.");
ABSL_FLAG(uint32_t, max_vocab_size, boltzmann::server::Limits().max_vocab_size,
          "The most logits in one row.");
ABSL_FLAG(uint32_t, max_calls_in_flight, 0,
          "The most calls that are received and computed at a time, half of them for one caller. "
          "0: 16, or 4 for each worker if that is more.");
ABSL_FLAG(uint32_t, max_calls_waiting, boltzmann::server::Limits().max_calls_waiting,
          "The most calls that wait to be received, half of them for one caller.");
ABSL_FLAG(uint32_t, max_streams, boltzmann::server::Limits().max_streams,
          "The most streams (StreamSample) that are open.");
ABSL_FLAG(absl::Duration, max_idle_time,
          absl::FromChrono(boltzmann::server::Limits().max_idle_time),
          "How long a call in flight may keep the server waiting, for its request or for its reply "
          "to be taken, while others wait for its place.");
ABSL_FLAG(uint32_t, max_connections, boltzmann::server::Limits().max_connections,
          "The most connections. Those that come beyond it are closed at once.");
ABSL_FLAG(absl::Duration, max_connection_age,
          absl::FromChrono(boltzmann::server::Limits().max_connection_age),
          "How long a connection may live, so that callers find servers that have come since. Its "
          "calls and streams end as they would.");
ABSL_FLAG(std::string, tls_cert_file, "",
          "The server's certificate, and those that vouch for it, in PEM: then HOST:PORT addresses "
          "speak TLS. Read again when it changes, like the key and the client CA. Empty: no TLS.");
ABSL_FLAG(std::string, tls_key_file, "", "The certificate's private key, in PEM.");
ABSL_FLAG(std::string, tls_client_ca_file, "",
          "Who signs callers' certificates, in PEM: then callers over TLS need one. Empty: none.");
ABSL_FLAG(std::string, tls_allowed_clients, "",
          "Of callers with a certificate, those who may call, separated by commas: DNS or URI "
          "names, or common names of certificates without. Empty: all.");
ABSL_FLAG(std::string, token_file, "",
          "A file of tokens, one a line: then every call but health needs the metadata "
          "'authorization: Bearer TOKEN'. Read again when it changes. Empty: none.");
ABSL_FLAG(bool, allow_insecure, false,
          "Listen beyond loopback even without TLS, or without callers' certificates or tokens.");
ABSL_FLAG(std::string, admin_listen, "",
          "Where to serve metrics (/metrics), health (/healthz, /readyz) and, to this host only, "
          "the explorer: HOST:PORT (port 0: one that is free). Empty: nowhere.");
ABSL_FLAG(std::string, health_listen, "",
          "Where to serve grpc.health.v1 alone, without TLS or tokens, for probes: HOST:PORT (port "
          "0: one that is free). Empty: only where the service is.");
ABSL_FLAG(std::string, shared_memory_dir, "",
          "The one directory whose files callers on this host may share as memory, best on a "
          "tmpfs. Empty: none.");
ABSL_FLAG(uint32_t, max_regions, boltzmann::server::RegionOptions().max_regions,
          "The most regions of shared memory, half of them for one caller.");
ABSL_FLAG(uint64_t, max_region_bytes, boltzmann::server::RegionOptions().max_region_bytes,
          "The largest region of shared memory, in bytes.");
ABSL_FLAG(absl::Duration, max_region_lease,
          absl::FromChrono(boltzmann::server::RegionOptions().max_lease),
          "The longest lease of a region: how long it may stay without being used.");
ABSL_FLAG(uint64_t, max_listed_tokens, boltzmann::server::Limits().max_listed_tokens,
          "The most tokens that one reply may list.");
ABSL_FLAG(absl::Duration, drain_timeout, absl::Seconds(20),
          "After SIGTERM, how long running calls may take to finish. Keep it below the time your "
          "orchestrator grants.");
ABSL_FLAG(std::string, log_level, "info",
          "trace, debug, info, warning, error or off. While the server runs, PUT /log_level at "
          "--admin_listen changes it.");
ABSL_FLAG(std::string, log_format, "text", "text, for people, or json: one object a line.");

namespace boltzmann::server {
namespace {

constexpr const char* kNames[] = {
    "listen",        "unix_socket_mode",  "workers",           "instruction_set",
    "max_row_count", "max_message_bytes", "max_vocab_size",    "max_calls_in_flight",
    "max_streams",   "max_calls_waiting", "max_listed_tokens", "max_idle_time",
    "max_regions",   "shared_memory_dir", "max_region_bytes",  "max_region_lease",
    "drain_timeout", "log_level",         "admin_listen",
    "health_listen", "max_connections",   "max_connection_age", "tls_cert_file",
    "tls_key_file",  "tls_client_ca_file", "tls_allowed_clients", "token_file",
    "allow_insecure", "log_format"};

// The arguments --name=VALUE for the variables BOLTZMANN_NAME that are set.
std::vector<std::string> EnvironmentArguments() {
  std::vector<std::string> arguments;
  for (const char* name : kNames) {
    const std::string variable = absl::StrCat("BOLTZMANN_", absl::AsciiStrToUpper(name));
    if (const char* value = std::getenv(variable.c_str())) {
      arguments.push_back(absl::StrCat("--", name, "=", value));
    }
  }
  return arguments;
}

// The arguments with every --listen joined into one, at the end: the flag library would
// let the last one win without a word.
std::vector<std::string> JoinListens(int argc, char** argv) {
  std::vector<std::string> arguments;
  std::vector<std::string> listens;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if ((argument == "--listen" || argument == "-listen") && i + 1 < argc) {
      listens.push_back(argv[++i]);
    } else if (absl::ConsumePrefix(&argument, "--listen=") ||
               absl::ConsumePrefix(&argument, "-listen=")) {
      listens.push_back(std::string(argument));
    } else {
      arguments.push_back(std::string(argument));
    }
  }
  if (!listens.empty()) arguments.push_back("--listen=" + absl::StrJoin(listens, ","));
  return arguments;
}

void Configure() {
  absl::SetProgramUsageMessage(
      "turns logits into tokens, over gRPC.\n\n"
      "Every flag may also be given as an environment variable, BOLTZMANN_<FLAG> in capitals, "
      "or in a file, by --flagfile=FILE.");
  absl::FlagsUsageConfig config;
  config.version_string = [] { return std::string("boltzmann-server " BOLTZMANN_VERSION "\n"); };
  config.contains_help_flags = [](absl::string_view file) {
    return absl::EndsWith(file, "server/flags.cc");
  };
  config.contains_helpshort_flags = config.contains_help_flags;
  absl::SetFlagsUsageConfig(config);
}

// Sets the flags. Returns the arguments that are none.
std::vector<std::string> Parse(int argc, char** argv) {
  std::vector<std::string> arguments = EnvironmentArguments();
  arguments.insert(arguments.begin(), argv[0]);
  for (std::string& argument : JoinListens(argc, argv)) arguments.push_back(std::move(argument));
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  const std::vector<char*> left =
      absl::ParseCommandLine(static_cast<int>(arguments.size()), pointers.data());
  return std::vector<std::string>(left.begin() + 1, left.end());
}

// Whether the flag's value is in [low, high]; if not, says so in `status`.
template <typename T>
bool InRange(const char* name, T value, T low, T high, absl::Status& status) {
  if (low <= value && value <= high) return true;
  status = absl::InvalidArgumentError(
      absl::StrCat("--", name, ": ", value, " is outside [", low, ", ", high, "]"));
  return false;
}

bool DurationInRange(const char* name, absl::Duration value, absl::Duration low,
                     absl::Status& status) {
  const absl::Duration high = absl::Hours(24);
  if (low <= value && value <= high) return true;
  status = absl::InvalidArgumentError(absl::StrCat("--", name, ": ", absl::FormatDuration(value),
                                                   " is outside [", absl::FormatDuration(low), ", ",
                                                   absl::FormatDuration(high), "]"));
  return false;
}

absl::Status CheckRanges() {
  constexpr int32_t kMaxInt = std::numeric_limits<int32_t>::max();
  constexpr uint32_t kMaxCount = kMaxInt;
  constexpr uint64_t kMaxTokens = kMaxInt;
  constexpr uint32_t kMaxVocab = core::kMaxVocabSize;
  constexpr uint32_t kMaxCalls = 1 << 20;
  constexpr uint32_t kMaxRegions = Mapping::kMaxMappings / 2;  // others are still being read
  constexpr uint64_t kMaxRegionBytes = uint64_t{1} << 40;
  absl::Status status;
  InRange("workers", absl::GetFlag(FLAGS_workers), 0, 4096, status) &&
      InRange("max_message_bytes", absl::GetFlag(FLAGS_max_message_bytes), 1, kMaxInt, status) &&
      InRange("max_row_count", absl::GetFlag(FLAGS_max_row_count), 1u, kMaxCount, status) &&
      InRange("max_vocab_size", absl::GetFlag(FLAGS_max_vocab_size), 1u, kMaxVocab, status) &&
      InRange("max_calls_in_flight", absl::GetFlag(FLAGS_max_calls_in_flight), 0u, kMaxCalls,
              status) &&
      InRange("max_calls_waiting", absl::GetFlag(FLAGS_max_calls_waiting), 0u, kMaxCalls, status) &&
      InRange("max_streams", absl::GetFlag(FLAGS_max_streams), 0u, kMaxCalls, status) &&
      InRange("max_connections", absl::GetFlag(FLAGS_max_connections), 1u, kMaxCalls, status) &&
      InRange("max_regions", absl::GetFlag(FLAGS_max_regions), 1u, kMaxRegions, status) &&
      InRange("max_region_bytes", absl::GetFlag(FLAGS_max_region_bytes), uint64_t{1},
              kMaxRegionBytes, status) &&
      DurationInRange("worker_spin", absl::GetFlag(FLAGS_worker_spin), absl::ZeroDuration(),
                      status) &&
      DurationInRange("max_idle_time", absl::GetFlag(FLAGS_max_idle_time), absl::Milliseconds(1),
                      status) &&
      DurationInRange("max_connection_age", absl::GetFlag(FLAGS_max_connection_age),
                      absl::Seconds(1), status) &&
      DurationInRange("max_region_lease", absl::GetFlag(FLAGS_max_region_lease), absl::Seconds(1),
                      status) &&
      DurationInRange("drain_timeout", absl::GetFlag(FLAGS_drain_timeout), absl::ZeroDuration(),
                      status) &&
      InRange("max_listed_tokens", absl::GetFlag(FLAGS_max_listed_tokens), uint64_t{1}, kMaxTokens,
              status);
  return status;
}

absl::Status ReadSocketMode(int& mode) {
  const std::string text = absl::GetFlag(FLAGS_unix_socket_mode);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error == std::errc() && end == text.data() + text.size() && 0 <= mode && mode <= 0777) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--unix_socket_mode: ", text, " is not an octal number from 0 to 0777"));
}

absl::Status ReadInstructionSet(core::InstructionSet& set) {
  const std::string name = absl::GetFlag(FLAGS_instruction_set);
  if (name == "auto") return absl::OkStatus();
  const absl::StatusOr<core::InstructionSet> found = core::FindInstructionSet(name);
  if (!found.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--instruction_set: ", found.status().message(), ", or auto"));
  }
  set = *found;
  return absl::OkStatus();
}

Limits ReadLimits() {
  return {.max_message_bytes = absl::GetFlag(FLAGS_max_message_bytes),
          .max_row_count = absl::GetFlag(FLAGS_max_row_count),
          .max_vocab_size = absl::GetFlag(FLAGS_max_vocab_size),
          .max_listed_tokens = absl::GetFlag(FLAGS_max_listed_tokens),
          .max_calls_in_flight = absl::GetFlag(FLAGS_max_calls_in_flight),
          .max_calls_waiting = absl::GetFlag(FLAGS_max_calls_waiting),
          .max_streams = absl::GetFlag(FLAGS_max_streams),
          .max_connections = absl::GetFlag(FLAGS_max_connections),
          .max_connection_age = absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_max_connection_age)),
          .max_idle_time = absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_max_idle_time))};
}

}  // namespace

absl::StatusOr<Flags> ReadFlags(int argc, char** argv) {
  Configure();
  const std::vector<std::string> left = Parse(argc, argv);
  if (!left.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(left.front(), " is no flag: see --help"));
  }
  if (absl::Status status = CheckRanges(); !status.ok()) return status;
  Flags flags;
  if (absl::Status status = ReadSocketMode(flags.server.unix_socket_mode); !status.ok()) {
    return status;
  }
  if (absl::Status status = ReadInstructionSet(flags.server.instruction_set); !status.ok()) {
    return status;
  }
  flags.server.listen = absl::StrSplit(absl::GetFlag(FLAGS_listen), ',', absl::SkipEmpty());
  flags.server.worker_count = absl::GetFlag(FLAGS_workers);
  flags.server.worker_spin = absl::ToChronoMicroseconds(absl::GetFlag(FLAGS_worker_spin));
  flags.server.limits = ReadLimits();
  flags.server.shared_memory = {
      .directory = absl::GetFlag(FLAGS_shared_memory_dir),
      .max_regions = absl::GetFlag(FLAGS_max_regions),
      .max_region_bytes = absl::GetFlag(FLAGS_max_region_bytes),
      .max_lease = absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_max_region_lease))};
  flags.server.tls = {.cert_file = absl::GetFlag(FLAGS_tls_cert_file),
                      .key_file = absl::GetFlag(FLAGS_tls_key_file),
                      .client_ca_file = absl::GetFlag(FLAGS_tls_client_ca_file)};
  flags.server.access = {.token_file = absl::GetFlag(FLAGS_token_file),
                         .allowed_clients = absl::StrSplit(
                             absl::GetFlag(FLAGS_tls_allowed_clients), ',', absl::SkipEmpty())};
  flags.server.allow_insecure = absl::GetFlag(FLAGS_allow_insecure);
  flags.server.health_listen = absl::GetFlag(FLAGS_health_listen);
  flags.server.admin_listen = absl::GetFlag(FLAGS_admin_listen);
  flags.drain_timeout = absl::ToChronoMilliseconds(absl::GetFlag(FLAGS_drain_timeout));
  flags.log_level = absl::GetFlag(FLAGS_log_level);
  flags.log_format = absl::GetFlag(FLAGS_log_format);
  return flags;
}

}  // namespace boltzmann::server
