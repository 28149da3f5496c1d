#include "client/state_flags.h"

#include <optional>
#include <string>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "client/flag_types.h"
#include "client/token_masks.h"

using boltzmann::client::TokenIds;

ABSL_FLAG(std::optional<uint64_t>, seed, std::nullopt,
          "Seed of the first row: an integer in [0, 2^64). Row i takes seed + i. Unset means that "
          "the server picks one for each row.");
ABSL_FLAG(std::optional<uint64_t>, position, std::nullopt,
          "Index of the token being generated: an integer in [0, 2^64). Unset means 0.");
ABSL_FLAG(std::optional<uint32_t>, draw_count, std::nullopt,
          "Draw this many tokens a row, with replacement: an integer >= 1. Unset means 1.");
ABSL_FLAG(TokenIds, prompt_token_ids, {},
          "The prompt of every row, which penalties and the like go by: integers separated by "
          "commas, oldest first. Unset means none.");
ABSL_FLAG(TokenIds, output_token_ids, {},
          "What was generated so far for every row: integers separated by commas, oldest first. "
          "Unset means none.");
ABSL_FLAG(std::string, allowed_token_mask, "",
          "A file with the bitmask of allowed tokens, one for all rows or one a row: .npy (int32 "
          "or uint32, [words] or [B, words]), or text (hexadecimal words, one mask a line). Token "
          "j is bit j % 32 of word j / 32. Unset allows all.");
ABSL_FLAG(std::optional<double>, mirostat_mu, std::nullopt,
          "Mirostat's state, mirostat_mu of the reply of the step before: a finite number. Unset "
          "means twice --mirostat_tau.");

namespace boltzmann::client {
namespace {

absl::Status SetMasks(const TokenMasks& masks, const std::string& path,
                      google::protobuf::RepeatedPtrField<v1::RowState>& states) {
  const auto row_count = static_cast<uint32_t>(states.size());
  if (masks.row_count != 1 && masks.row_count != row_count) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": there are ", masks.row_count,
                                                   " masks for ", row_count,
                                                   " rows: give one for all rows, or one a row"));
  }
  for (uint32_t row = 0; row < row_count; ++row) {
    const std::string_view mask = masks.Row(masks.row_count == 1 ? 0 : row);
    states[static_cast<int>(row)].set_allowed_token_mask(mask.data(), mask.size());
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string_view> SeedFlags() { return {"seed"}; }

std::vector<std::string_view> DrawCountFlags() { return {"draw_count"}; }

std::vector<std::string_view> RowStateFlags() {
  return {"position", "prompt_token_ids", "output_token_ids", "allowed_token_mask", "mirostat_mu"};
}

v1::RowState RowStateFromFlags(uint32_t row) {
  v1::RowState state;
  if (const auto value = absl::GetFlag(FLAGS_seed)) state.set_seed(*value + row);
  if (const auto value = absl::GetFlag(FLAGS_position)) state.set_position(*value);
  if (const auto value = absl::GetFlag(FLAGS_draw_count)) state.set_draw_count(*value);
  for (const int32_t id : absl::GetFlag(FLAGS_prompt_token_ids).ids) state.add_prompt_token_ids(id);
  for (const int32_t id : absl::GetFlag(FLAGS_output_token_ids).ids) state.add_output_token_ids(id);
  if (const auto value = absl::GetFlag(FLAGS_mirostat_mu)) state.set_mirostat_mu(*value);
  return state;
}

absl::Status AddRowStatesFromFlags(uint32_t row_count,
                                   google::protobuf::RepeatedPtrField<v1::RowState>& states) {
  for (uint32_t row = 0; row < row_count; ++row) *states.Add() = RowStateFromFlags(row);
  const std::string path = absl::GetFlag(FLAGS_allowed_token_mask);
  if (path.empty()) return absl::OkStatus();
  const absl::StatusOr<TokenMasks> masks = ReadTokenMasks(path);
  return masks.ok() ? SetMasks(*masks, path, states) : masks.status();
}

}  // namespace boltzmann::client
