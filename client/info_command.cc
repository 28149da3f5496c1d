// `boltzmann info`: what the server is and takes, and what it has done.
#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "client/command.h"
#include "client/common_flags.h"

namespace boltzmann::client {
namespace {

void PrintLine(std::ostream& out, const char* name, const std::string& value) {
  out << absl::StrFormat("%-22s %s\n", name, value);
}

void PrintCount(std::ostream& out, const char* name, uint64_t count) {
  PrintLine(out, name, absl::StrCat(count));
}

void PrintFeatures(const v1::GetServerInfoResponse& info, std::ostream& out) {
  PrintLine(out, "version", info.version());
  PrintLine(out, "instruction_set", info.instruction_set());
  PrintCount(out, "worker_count", info.worker_count());
  PrintLine(out, "stages", absl::StrJoin(info.stages(), " "));
  PrintLine(out, "data_types",
            absl::StrJoin(info.data_types(), " ", [](std::string* text, int type) {
              text->append(v1::DataType_Name(type));
            }));
  PrintLine(out, "shared_memory_enabled", info.shared_memory_enabled() ? "true" : "false");
}

void PrintDuration(std::ostream& out, const char* name, const google::protobuf::Duration& time) {
  PrintLine(out, name,
            absl::FormatDuration(absl::Seconds(time.seconds()) + absl::Nanoseconds(time.nanos())));
}

void PrintLimits(const v1::Limits& limits, std::ostream& out) {
  PrintCount(out, "max_message_bytes", limits.max_message_bytes());
  PrintCount(out, "max_row_count", limits.max_row_count());
  PrintCount(out, "max_vocab_size", limits.max_vocab_size());
  PrintCount(out, "max_listed_tokens", limits.max_listed_tokens());
  PrintCount(out, "max_calls_in_flight", limits.max_calls_in_flight());
  PrintCount(out, "max_calls_waiting", limits.max_calls_waiting());
  PrintCount(out, "max_streams", limits.max_streams());
  PrintCount(out, "max_regions", limits.max_regions());
  PrintCount(out, "max_region_bytes", limits.max_region_bytes());
  PrintDuration(out, "max_region_lease", limits.max_region_lease());
}

void PrintCounters(const v1::Counters& counters, std::ostream& out) {
  PrintCount(out, "begun_count", counters.begun_count());
  PrintCount(out, "answered_count", counters.answered_count());
  PrintCount(out, "invalid_count", counters.invalid_count());
  PrintCount(out, "pushed_back_count", counters.pushed_back_count());
  PrintCount(out, "expired_count", counters.expired_count());
  PrintCount(out, "cancelled_count", counters.cancelled_count());
  PrintCount(out, "unavailable_count", counters.unavailable_count());
  PrintCount(out, "received_bytes", counters.received_bytes());
  PrintDuration(out, "queued_time", counters.queued_time());
  PrintDuration(out, "computed_time", counters.computed_time());
}

void PrintTable(const v1::GetServerInfoResponse& info, std::ostream& out) {
  PrintFeatures(info, out);
  PrintLimits(info.limits(), out);
  PrintCounters(info.counters(), out);
}

absl::Status RunInfo(const std::vector<std::string>& arguments, Console& console) {
  if (!arguments.empty()) return Misuse("`info` takes no argument: '" + arguments[0] + "'");
  const absl::StatusOr<bool> json = JsonFromFlags();
  if (!json.ok()) return json.status();
  const absl::StatusOr<Client> client = ClientFromFlags();
  if (!client.ok()) return client.status();
  const auto info = client->GetServerInfo();
  if (!info.ok()) return CallError(info.status());
  *json ? PrintJson(*info, console.out) : PrintTable(*info, console.out);
  return absl::OkStatus();
}

}  // namespace

const Command& InfoCommand() {
  static const Command command = {
      "info",
      "Print the server's version, limits, features and counters.",
      "info [flags]",
      "  boltzmann info --server unix:/run/boltzmann.sock\n",
      Joined({ConnectionFlags(), FormatFlags()}),
      RunInfo,
  };
  return command;
}

}  // namespace boltzmann::client
