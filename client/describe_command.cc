// `boltzmann describe`: what the rows of a file would be drawn from.
#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/flags/flag.h"
#include "client/batch_flags.h"
#include "client/command.h"
#include "client/common_flags.h"
#include "client/describe_report.h"
#include "client/row_status.h"

ABSL_FLAG(std::optional<uint32_t>, top_count, std::nullopt,
          "List this many most likely tokens of the row as received and of what would be drawn "
          "from: an integer in [0, V]. Unset means 10, or all of a smaller row.");
ABSL_FLAG(bool, all_tokens, false,
          "List every token's probabilities too, by id: no value needed. Not with --sparse_count.");

namespace boltzmann::client {
namespace {

constexpr uint32_t kTopCount = 10;

absl::Status RunDescribe(const std::vector<std::string>& arguments, Console& console) {
  if (!arguments.empty()) return Misuse("`describe` takes no argument: '" + arguments[0] + "'");
  const absl::StatusOr<bool> json = JsonFromFlags();
  if (!json.ok()) return json.status();
  const absl::StatusOr<Client> client = ClientFromFlags();
  if (!client.ok()) return client.status();
  v1::DescribeRequest request;
  absl::Status status = SetBatchFromFlags(console.in, request);
  if (!status.ok()) return status;
  const uint32_t usual_count = std::min(kTopCount, request.logits().vocab_size());
  request.set_top_count(absl::GetFlag(FLAGS_top_count).value_or(usual_count));
  request.set_all_tokens(absl::GetFlag(FLAGS_all_tokens));
  const auto region = ShareFromFlags(*client, *request.mutable_logits());
  if (!region.ok()) return region.status();
  const auto response = client->Describe(request);
  if (!response.ok()) return CallError(response.status());
  *json ? PrintJson(*response, console.out) : PrintDescriptions(*response, console.out);
  return CheckRows(response->descriptions(), "described");
}

}  // namespace

const Command& DescribeCommand() {
  static const Command command = {
      "describe",
      "Print what rows would be drawn from, stage by stage.",
      "describe --logits FILE [flags]",
      "  boltzmann describe --logits rows.npy --temperature .7 --min_p .05 --top_p .9\n",
      Joined({{"top_count", "all_tokens"},
              BatchFlags(),
              SparseFlags(),
              FormatFlags(),
              ConnectionFlags()}),
      RunDescribe,
  };
  return command;
}

}  // namespace boltzmann::client
