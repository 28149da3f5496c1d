// `boltzmann info`: what the server is and takes.
#include <string>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/command.h"
#include "client/common_flags.h"

namespace boltzmann::client {
namespace {

void PrintLine(std::ostream& out, const char* name, const std::string& value) {
  out << absl::StrFormat("%-20s %s\n", name, value);
}

void PrintTable(const v1::GetServerInfoResponse& info, std::ostream& out) {
  PrintLine(out, "version", info.version());
  PrintLine(out, "instruction_set", info.instruction_set());
  PrintLine(out, "worker_count", absl::StrCat(info.worker_count()));
  PrintLine(out, "stages", absl::StrJoin(info.stages(), " "));
  PrintLine(out, "data_types",
            absl::StrJoin(info.data_types(), " ", [](std::string* text, int type) {
              text->append(v1::DataType_Name(type));
            }));
  const v1::Limits& limits = info.limits();
  PrintLine(out, "max_message_bytes", absl::StrCat(limits.max_message_bytes()));
  PrintLine(out, "max_row_count", absl::StrCat(limits.max_row_count()));
  PrintLine(out, "max_vocab_size", absl::StrCat(limits.max_vocab_size()));
  PrintLine(out, "max_rows_in_flight", absl::StrCat(limits.max_rows_in_flight()));
  PrintLine(out, "max_listed_tokens", absl::StrCat(limits.max_listed_tokens()));
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
      "Print the server's version, limits and features.",
      "info [flags]",
      "  boltzmann info --server unix:/run/boltzmann.sock\n",
      Joined({ConnectionFlags(), FormatFlags()}),
      RunInfo,
  };
  return command;
}

}  // namespace boltzmann::client
