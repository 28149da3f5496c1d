// `boltzmann score`: the log-probs of tokens that the caller names.
#include <cstdint>

#include "absl/flags/flag.h"
#include "client/batch_flags.h"
#include "client/command.h"
#include "client/common_flags.h"
#include "client/flag_types.h"
#include "client/row_status.h"
#include "client/score_report.h"

using boltzmann::client::TokenIds;

ABSL_FLAG(TokenIds, token_ids, {},
          "The token to score of each row: integers separated by commas, one a row. Required.");
ABSL_FLAG(bool, fit_temperature, false,
          "Find the temperature that makes the scored tokens most likely: no value needed.");

namespace boltzmann::client {
namespace {

v1::ScoreRequest RequestOfTokens(const TokenIds& tokens) {
  v1::ScoreRequest request;
  request.mutable_token_ids()->Add(tokens.ids.begin(), tokens.ids.end());
  request.set_fit_temperature(absl::GetFlag(FLAGS_fit_temperature));
  request.add_outputs()->set_ranks(true);
  return request;
}

absl::Status RunScore(const std::vector<std::string>& arguments, Console& console) {
  if (!arguments.empty()) return Misuse("`score` takes no argument: '" + arguments[0] + "'");
  const TokenIds tokens = absl::GetFlag(FLAGS_token_ids);
  if (tokens.ids.empty()) return Misuse("--token_ids is missing: name the token of each row");
  const absl::StatusOr<bool> json = JsonFromFlags();
  if (!json.ok()) return json.status();
  const absl::StatusOr<Client> client = ClientFromFlags();
  if (!client.ok()) return client.status();
  v1::ScoreRequest request = RequestOfTokens(tokens);
  absl::Status status = SetBatchFromFlags(console.in, request);
  if (!status.ok()) return status;
  const auto region = ShareFromFlags(*client, *request.mutable_logits());
  if (!region.ok()) return region.status();
  const auto response = client->Score(request);
  if (!response.ok()) return CallError(response.status());
  *json ? PrintJson(*response, console.out) : PrintScores(*response, console.out);
  return CheckRows(response->results(), "scored");
}

}  // namespace

const Command& ScoreCommand() {
  static const Command command = {
      "score",
      "Print the log-probs and ranks of given tokens, and their perplexity.",
      "score --logits FILE --token_ids IDS [flags]",
      "  boltzmann score --logits rows.npy --token_ids 17,4,2 --fit_temperature\n",
      Joined({{"token_ids", "fit_temperature"}, BatchFlags(), FormatFlags(), ConnectionFlags()}),
      RunScore,
  };
  return command;
}

}  // namespace boltzmann::client
