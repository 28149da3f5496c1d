// `boltzmann sample`: one call of Sample with logits from a file.
#include <optional>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "client/command.h"
#include "client/common_flags.h"
#include "client/logits_file.h"
#include "client/sample_report.h"
#include "client/sampling_flags.h"

ABSL_FLAG(std::string, logits, "",
          "The logits: a .npy file (float32 or float16, [V] or [B, V]), a text file (numbers, one "
          "row a line), or - for standard input. Required.");
ABSL_FLAG(std::string, send_as, "",
          "Convert the logits before they are sent: float32, float16 or bfloat16, to nearest even. "
          "Unset sends them as they are; text is float32.");

namespace boltzmann::client {
namespace {

// Everything that the flags say, but the logits themselves.
struct SamplePlan {
  std::optional<v1::DataType> send_as;
  bool json = false;
  v1::OutputOptions outputs;
};

absl::StatusOr<std::optional<v1::DataType>> SendAsFromFlags() {
  const std::string name = absl::GetFlag(FLAGS_send_as);
  if (name.empty()) return std::nullopt;
  if (name == "float32") return v1::DATA_TYPE_FLOAT32;
  if (name == "float16") return v1::DATA_TYPE_FLOAT16;
  if (name == "bfloat16") return v1::DATA_TYPE_BFLOAT16;
  return Misuse("--send_as: '" + name + "' is not allowed: give float32, float16 or bfloat16");
}

absl::StatusOr<SamplePlan> PlanFromFlags(const std::vector<std::string>& arguments) {
  if (!arguments.empty()) return Misuse("`sample` takes no argument: '" + arguments[0] + "'");
  if (absl::GetFlag(FLAGS_logits).empty()) {
    return Misuse("--logits is missing: name a .npy or text file, or - for standard input");
  }
  const auto send_as = SendAsFromFlags();
  if (!send_as.ok()) return send_as.status();
  const auto json = JsonFromFlags();
  if (!json.ok()) return json.status();
  const auto outputs = OutputOptionsFromFlags();
  if (!outputs.ok()) return outputs.status();
  return SamplePlan{*send_as, *json, *outputs};
}

v1::SampleRequest MakeRequest(const SamplePlan& plan, LogitMatrix matrix) {
  if (plan.send_as) matrix = ConvertTo(std::move(matrix), *plan.send_as);
  v1::SampleRequest request;
  v1::Logits& logits = *request.mutable_logits();
  logits.set_data_type(matrix.data_type);
  logits.set_vocab_size(matrix.vocab_size);
  logits.set_row_count(matrix.row_count);
  logits.set_inline_data(std::move(matrix.bytes));
  *request.add_params() = SamplingParamsFromFlags();
  *request.add_outputs() = plan.outputs;
  for (uint32_t row = 0; row < matrix.row_count; ++row) {
    *request.add_rows() = RowStateFromFlags(row);
  }
  return request;
}

absl::Status RunSample(const std::vector<std::string>& arguments, Console& console) {
  const absl::StatusOr<SamplePlan> plan = PlanFromFlags(arguments);
  if (!plan.ok()) return plan.status();
  const absl::StatusOr<Client> client = ClientFromFlags();
  if (!client.ok()) return client.status();
  absl::StatusOr<LogitMatrix> matrix = ReadLogits(absl::GetFlag(FLAGS_logits), console.in);
  if (!matrix.ok()) return matrix.status();
  const auto response = client->Sample(MakeRequest(*plan, *std::move(matrix)));
  if (!response.ok()) return CallError(response.status());
  plan->json ? PrintJson(*response, console.out) : PrintReport(*response, console.out);
  return CheckRows(*response);
}

}  // namespace

const Command& SampleCommand() {
  static const Command command = {
      "sample",
      "Draw tokens for logits from a file.",
      "sample --logits FILE [flags]",
      "  boltzmann sample --logits rows.npy --temperature .7 --top_k 50 --top_p .9 --seed 1\n"
      "  echo '2.0 1.0 0.1' | boltzmann sample --logits - --top_model_count 3 --format json\n",
      Joined({{"logits", "send_as"},
              SamplingParamsFlags(),
              SeedFlags(),
              RowStateFlags(),
              OutputOptionsFlags(),
              FormatFlags(),
              ConnectionFlags()}),
      RunSample,
  };
  return command;
}

}  // namespace boltzmann::client
