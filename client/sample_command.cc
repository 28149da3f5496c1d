// `boltzmann sample`: one call of Sample with logits from a file.
#include "client/batch_flags.h"
#include "client/command.h"
#include "client/common_flags.h"
#include "client/output_flags.h"
#include "client/row_status.h"
#include "client/sample_report.h"

namespace boltzmann::client {
namespace {

absl::Status RunSample(const std::vector<std::string>& arguments, Console& console) {
  if (!arguments.empty()) return Misuse("`sample` takes no argument: '" + arguments[0] + "'");
  const absl::StatusOr<bool> json = JsonFromFlags();
  if (!json.ok()) return json.status();
  const absl::StatusOr<v1::OutputOptions> outputs = OutputOptionsFromFlags();
  if (!outputs.ok()) return outputs.status();
  const absl::StatusOr<Client> client = ClientFromFlags();
  if (!client.ok()) return client.status();
  v1::SampleRequest request;
  *request.add_outputs() = *outputs;
  absl::Status status = SetBatchFromFlags(console.in, request);
  if (!status.ok()) return status;
  const auto region = ShareFromFlags(*client, *request.mutable_logits());
  if (!region.ok()) return region.status();
  const auto response = client->Sample(request);
  if (!response.ok()) return CallError(response.status());
  *json ? PrintJson(*response, console.out) : PrintReport(*response, console.out);
  return CheckRows(response->results(), "sampled");
}

}  // namespace

const Command& SampleCommand() {
  static const Command command = {
      "sample",
      "Draw tokens for logits from a file.",
      "sample --logits FILE [flags]",
      "  boltzmann sample --logits rows.npy --temperature .7 --top_k 50 --top_p .9 --seed 1\n"
      "  echo '2.0 1.0 0.1' | boltzmann sample --logits - --top_model_count 3 --format json\n",
      Joined({BatchFlags(), SparseFlags(), DrawCountFlags(), OutputOptionsFlags(), FormatFlags(),
              ConnectionFlags()}),
      RunSample,
  };
  return command;
}

}  // namespace boltzmann::client
