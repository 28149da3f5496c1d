// `boltzmann describe`: what rows would be drawn from, as people look at it.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "client/batch_flags.h"
#include "client/command.h"
#include "client/common_flags.h"
#include "client/describe_calls.h"
#include "client/describe_page.h"
#include "client/describe_report.h"
#include "client/describe_view.h"
#include "client/model_flags.h"
#include "client/one_row.h"
#include "client/paint.h"
#include "client/printable.h"
#include "client/row_status.h"
#include "client/sweep.h"

ABSL_FLAG(std::optional<uint32_t>, top_count, std::nullopt,
          "List this many most likely tokens of the row as received and of what would be drawn "
          "from: an integer in [0, V]. Unset means 10, or all of a smaller row.");
ABSL_FLAG(bool, all_tokens, false,
          "List every token's probabilities too, by id: no value needed. Not with --sparse_count.");
ABSL_FLAG(std::optional<uint32_t>, row, std::nullopt,
          "Describe only this row of --logits: its number, from 0. Unset means all.");
ABSL_FLAG(std::string, sweep, "",
          "Describe one row at several values of a parameter, one line a value: "
          "NAME=FIRST..LAST, NAME=FIRST..LAST:COUNT or NAME=VALUE,VALUE, such as "
          "temperature=.1..2. COUNT is 11 unless given.");
ABSL_FLAG(std::optional<uint32_t>, draws, std::nullopt,
          "Draw this many tokens of each row too, and compare how often each came with its "
          "probability: an integer in [1, 1048576].");

namespace boltzmann::client {
namespace {

constexpr uint32_t kTopCount = 10;
constexpr uint32_t kMaxDraws = 1048576;

// What to describe, and how to show it.
struct Task {
  v1::DescribeRequest request;
  int first_row = 0;
  std::optional<Sweep> sweep;
  uint32_t draws = 0;
  std::optional<NgramModel> model;
};

bool ModelIsAsked() { return PromptIsGiven() || CorpusIsGiven(); }

absl::Status CheckRowsSource(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && !CorpusIsGiven()) {
    return Misuse("`describe` takes no argument without --corpus: '" + arguments[0] + "'");
  }
  if (LogitsAreGiven() && ModelIsAsked()) {
    return Misuse(absl::StrCat("--logits and --", PromptIsGiven() ? "prompt" : "corpus",
                               " are given: the row is one or the other's, leave one out"));
  }
  if (LogitsAreGiven() || ModelIsAsked()) return absl::OkStatus();
  return Misuse(
      "--logits is missing: name a .npy or text file, or - for standard input; or give --prompt");
}

absl::Status CheckDraws(uint32_t draws, bool json) {
  if (draws == 0 || draws > kMaxDraws) {
    return Misuse(absl::StrCat("--draws: ", draws, " is outside [1, ", kMaxDraws, "]"));
  }
  if (!absl::GetFlag(FLAGS_sweep).empty()) {
    return Misuse("--draws does not go with --sweep: leave one out");
  }
  if (absl::GetFlag(FLAGS_top_count) == 0u) {
    return Misuse("--draws has nothing to compare with --top_count 0: list a token or more");
  }
  if (!json) return absl::OkStatus();
  return Misuse(
      "--draws does not go with --format json, which is Describe's reply: use `boltzmann sample "
      "--draw_count`");
}

absl::Status CheckShown(bool json) {
  if (json && !HtmlFileFromFlags().empty()) {
    return Misuse("--html does not go with --format json: leave one out");
  }
  if (absl::GetFlag(FLAGS_all_tokens) && !absl::GetFlag(FLAGS_sweep).empty()) {
    return Misuse("--all_tokens does not go with --sweep, which has a line for all: leave one out");
  }
  const auto draws = absl::GetFlag(FLAGS_draws);
  return draws ? CheckDraws(*draws, json) : absl::OkStatus();
}

// The model's next token after --prompt. The history is sent where parameters go by it, as
// `generate` does.
absl::Status SetRowOfModel(const std::vector<std::string>& arguments, Console& console,
                           Task& task) {
  auto model = ModelFromFlags(arguments, console.err);
  if (!model.ok()) return model.status();
  task.model = *std::move(model);
  const Sequence start = StartFromFlags(*task.model, console.err);
  std::vector<float> row(static_cast<size_t>(task.model->vocab_size()));
  task.model->Logits(start.tokens, absl::MakeSpan(row));
  auto logits = LogitsFromFlags(LogitMatrix{
      .row_count = 1,
      .vocab_size = static_cast<uint32_t>(row.size()),
      .bytes = std::string(reinterpret_cast<const char*>(row.data()), row.size() * sizeof(float))});
  if (!logits.ok()) return logits.status();
  *task.request.mutable_logits() = *std::move(logits);
  *task.request.add_params() = SamplingParamsFromFlags();
  absl::Status status = AddRowStatesFromFlags(1, *task.request.mutable_rows());
  v1::RowState& state = *task.request.mutable_rows(0);
  if (NeedsPrompt(task.request.params(0)) && state.prompt_token_ids().empty()) {
    state.mutable_prompt_token_ids()->Add(start.tokens.begin(), start.tokens.end());
  }
  return status;
}

// Of several calls, and of all values of a sweep, each row is to be the same; so is its seed.
void SetMissingSeeds(v1::DescribeRequest& request) {
  std::random_device random;
  for (v1::RowState& row : *request.mutable_rows()) {
    if (!row.has_seed()) row.set_seed(uint64_t{random()} << 32 | random());
  }
}

absl::Status SetRow(Task& task) {
  if (const auto row = absl::GetFlag(FLAGS_row)) {
    if (absl::Status status = KeepRow(*row, task.request); !status.ok()) return status;
    task.first_row = static_cast<int>(*row);
  }
  SetMissingSeeds(task.request);
  if (!task.sweep) return absl::OkStatus();
  const uint32_t row_count = task.request.logits().row_count();
  if (row_count > 1) {
    return Misuse(absl::StrCat("--sweep describes one row, and there are ", row_count,
                               ": pick one with --row, from 0 to ", row_count - 1));
  }
  RepeatRow(task.sweep->values.size(), task.request);
  for (size_t i = 0; i < task.sweep->values.size(); ++i) {
    SetParameter(task.sweep->parameter, task.sweep->values[i],
                 *task.request.mutable_params(static_cast<int>(i)));
  }
  return absl::OkStatus();
}

absl::StatusOr<Task> TaskFromFlags(const std::vector<std::string>& arguments, Console& console) {
  Task task;
  task.draws = absl::GetFlag(FLAGS_draws).value_or(0);
  if (!absl::GetFlag(FLAGS_sweep).empty()) {
    auto sweep = ParseSweep(absl::GetFlag(FLAGS_sweep));
    if (!sweep.ok()) return sweep.status();
    task.sweep = *std::move(sweep);
  }
  absl::Status status = ModelIsAsked() ? SetRowOfModel(arguments, console, task)
                                       : SetBatchFromFlags(console.in, task.request);
  if (!status.ok()) return status;
  if (status = SetRow(task); !status.ok()) return status;
  const uint32_t usual_count = std::min(kTopCount, task.request.logits().vocab_size());
  task.request.set_top_count(absl::GetFlag(FLAGS_top_count).value_or(usual_count));
  task.request.set_all_tokens(absl::GetFlag(FLAGS_all_tokens));
  return task;
}

WordOf WordsOf(const std::optional<NgramModel>& model) {
  if (!model) return [](int32_t) { return std::string(); };
  return [&model](int32_t id) {
    if (id < 0 || id >= model->vocab_size()) return std::string();
    return model->Word(id) == kParagraphBreak ? "(paragraph)" : Printable(model->Word(id));
  };
}

absl::Status ShowJson(const Client& client, const Task& task, Console& console) {
  const auto response = client.Describe(task.request);
  if (!response.ok()) return CallError(response.status());
  PrintJson(*response, console.out);
  return CheckRows(response->descriptions(), "described");
}

absl::Status WriteIfAsked(const std::string& page) {
  const std::string path = HtmlFileFromFlags();
  return path.empty() ? absl::OkStatus() : WritePage(path, page);
}

absl::Status ShowSweep(const Client& client, const Task& task, const Paint& paint,
                       Console& console) {
  const auto response = client.Describe(task.request);
  if (!response.ok()) return CallError(response.status());
  // The values share the row, and with it most of what can be wrong.
  const v1::RowDescription* unanswered = nullptr;
  for (const v1::RowDescription& row : response->descriptions()) {
    if (!IsAnswered(row.status()) && unanswered == nullptr) unanswered = &row;
  }
  if (unanswered != nullptr) {
    return absl::InternalError(absl::StrCat(
        "row ", task.first_row, " could not be described: ", StatusName(unanswered->status()), ": ",
        unanswered->message()));
  }
  const SweepView view = {task.first_row, *task.sweep, *response, WordsOf(task.model)};
  PrintSweep(view, paint, console.out);
  return WriteIfAsked(PageOfSweep(view));
}

absl::Status ShowRows(const Client& client, const Task& task, const Paint& paint,
                      Console& console) {
  const auto answers = AskForRows(client, task.request, task.draws);
  if (!answers.ok()) return CallError(answers.status());
  const std::vector<RowView> rows =
      ViewRows(task.request, *answers, task.first_row, task.draws, WordsOf(task.model));
  PrintRows(rows, paint, console.out);
  if (absl::Status status = WriteIfAsked(PageOfRows(rows)); !status.ok()) return status;
  return CheckRows(answers->descriptions.descriptions(), "described");
}

absl::Status RunDescribe(const std::vector<std::string>& arguments, Console& console) {
  if (absl::Status status = CheckRowsSource(arguments); !status.ok()) return status;
  const absl::StatusOr<bool> json = JsonFromFlags();
  if (!json.ok()) return json.status();
  if (absl::Status status = CheckShown(*json); !status.ok()) return status;
  const absl::StatusOr<Paint> paint = PaintFromFlags(console.out);
  if (!paint.ok()) return paint.status();
  const absl::StatusOr<Client> client = ClientFromFlags();
  if (!client.ok()) return client.status();
  absl::StatusOr<Task> task = TaskFromFlags(arguments, console);
  if (!task.ok()) return task.status();
  const auto region = ShareFromFlags(*client, *task->request.mutable_logits());
  if (!region.ok()) return region.status();
  if (*json) return ShowJson(*client, *task, console);
  return task->sweep ? ShowSweep(*client, *task, *paint, console)
                     : ShowRows(*client, *task, *paint, console);
}

}  // namespace

const Command& DescribeCommand() {
  static const Command command = {
      "describe",
      "Show what rows would be drawn from, stage by stage.",
      "describe {--logits FILE | --prompt TEXT [--corpus FILE...]} [flags]",
      "  boltzmann describe --logits rows.npy --temperature .7 --min_p .05 --top_p .9\n"
      "  boltzmann describe --prompt 'The program' --sweep temperature=.1..2 --html sweep.html\n"
      "  boltzmann describe --prompt 'The program' --top_p .9 --draws 1000 --seed 1\n",
      Joined({{"top_count", "all_tokens", "row", "sweep", "draws", "html"},
              ColorFlags(),
              ModelFlags(),
              BatchFlags(),
              SparseFlags(),
              FormatFlags(),
              ConnectionFlags()}),
      RunDescribe,
  };
  return command;
}

}  // namespace boltzmann::client
