// `boltzmann generate`: text from a small language model, sampled by the server word by word.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_format.h"
#include "client/command.h"
#include "client/common_flags.h"
#include "client/generator.h"
#include "client/model_flags.h"
#include "client/ngram_model.h"
#include "client/params_flags.h"
#include "client/printable.h"
#include "client/shared_memory_flags.h"
#include "client/state_flags.h"

ABSL_FLAG(uint32_t, tokens, 100, "How many tokens to generate: an integer >= 1.");
ABSL_FLAG(uint32_t, batch, 1,
          "How many texts to generate side by side, in one call a step: an integer >= 1.");

ABSL_FLAG(bool, print_token_ids, false,
          "Print the ids of each text's tokens too, one token a line: no value needed. These ids "
          "are what --banned_token_ids and the like take.");

namespace boltzmann::client {
namespace {

absl::Status CheckFlags(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && !CorpusIsGiven()) {
    return Misuse("`generate` takes no argument without --corpus: '" + arguments[0] + "'");
  }
  if (absl::GetFlag(FLAGS_tokens) == 0)
    return Misuse("--tokens: 0 is not allowed: give at least 1");
  if (absl::GetFlag(FLAGS_batch) == 0) return Misuse("--batch: 0 is not allowed: give at least 1");
  return absl::OkStatus();
}

size_t BytesOfAStep(const NgramModel& model) {
  return sizeof(float) * absl::GetFlag(FLAGS_batch) * static_cast<size_t>(model.vocab_size());
}

bool SeedIsGiven() { return RowStateFromFlags(0).has_seed(); }

std::vector<Sequence> SequencesFromFlags(const Sequence& start) {
  std::vector<Sequence> sequences(absl::GetFlag(FLAGS_batch), start);
  for (size_t i = 0; i < sequences.size(); ++i) {
    sequences[i].state = RowStateFromFlags(static_cast<uint32_t>(i));
  }
  return sequences;
}

void PrintTexts(const std::vector<Sequence>& sequences, std::ostream& out) {
  for (size_t i = 0; i < sequences.size(); ++i) {
    out << "--- " << i << ": seed " << sequences[i].state.seed() << " ---\n"
        << sequences[i].text << "\n\n";
  }
}

// One token a line: its id and its word.
void PrintTokenIds(const std::vector<Sequence>& sequences, const NgramModel& model,
                   std::ostream& out) {
  for (size_t i = 0; i < sequences.size(); ++i) {
    if (sequences.size() > 1) out << "--- " << i << ": tokens ---\n";
    for (const int32_t token : sequences[i].tokens) {
      out << absl::StrFormat("%7d  %s\n", token, Printable(model.Word(token)));
    }
  }
}

// How to get the same texts again, if the server picked the seeds.
void PrintSeeds(const std::vector<Sequence>& sequences, std::ostream& remarks) {
  for (const Sequence& sequence : sequences) {
    remarks << "the server picked the seed: --seed " << sequence.state.seed()
            << (sequences.size() > 1 ? " --batch 1" : "") << " writes this text again\n";
  }
}

absl::Status RunGenerate(const std::vector<std::string>& arguments, Console& console) {
  if (absl::Status status = CheckFlags(arguments); !status.ok()) return status;
  const absl::StatusOr<Client> client = ClientFromFlags();
  if (!client.ok()) return client.status();
  const absl::StatusOr<NgramModel> model = ModelFromFlags(arguments, console.err);
  if (!model.ok()) return model.status();
  const auto ring = RingFromFlags(*client, BytesOfAStep(*model));
  if (!ring.ok()) return ring.status();
  const Sequence start = StartFromFlags(*model, console.err);
  const bool alone = absl::GetFlag(FLAGS_batch) == 1;
  if (alone) console.out << start.text << std::flush;

  Generator generator(*client, *model, SamplingParamsFromFlags(), SequencesFromFlags(start),
                      alone ? &console.out : nullptr, ring->get());
  const absl::Status status = generator.Run(absl::GetFlag(FLAGS_tokens));
  const std::vector<Sequence>& sequences = generator.sequences();
  if (alone) console.out << std::endl;
  if (sequences[0].text != start.text) {
    if (!alone) PrintTexts(sequences, console.out);
    if (!SeedIsGiven()) PrintSeeds(sequences, console.err);
  }
  if (absl::GetFlag(FLAGS_print_token_ids)) PrintTokenIds(sequences, *model, console.out);
  return status.ok() ? status : CallError(status);
}

}  // namespace

const Command& GenerateCommand() {
  static const Command command = {
      "generate",
      "Write text with a small language model and the server.",
      "generate [--corpus FILE...] [--prompt TEXT] [flags]",
      "  boltzmann generate --prompt 'The program' --temperature .8 --top_p .95 --seed 7\n"
      "  boltzmann generate --corpus *.txt --temperature 0 --tokens 50 --batch 8\n",
      Joined({ModelFlags(),
              {"tokens", "batch", "print_token_ids"},
              SharedMemoryFlags(),
              SamplingParamsFlags(),
              SeedFlags(),
              ConnectionFlags()}),
      RunGenerate,
  };
  return command;
}

}  // namespace boltzmann::client
