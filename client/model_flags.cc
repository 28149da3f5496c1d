#include "client/model_flags.h"

#include <cstdint>
#include <optional>

#include "absl/flags/flag.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/corpus.h"
#include "client/tokenizer.h"

ABSL_FLAG(std::vector<std::string>, corpus, {},
          "The files to learn from, separated by commas or spaces. Unset means the licence texts "
          "in /usr/share/common-licenses.");
ABSL_FLAG(std::string, prompt, "", "The text to continue. Empty means the start of a paragraph.");

namespace boltzmann::client {
namespace {

// The files of --corpus, and those that a shell's pattern left after it.
absl::StatusOr<std::vector<std::string>> CorpusPaths(const std::vector<std::string>& arguments) {
  std::vector<std::string> paths = absl::GetFlag(FLAGS_corpus);
  if (paths.empty()) {
    auto licences = FilesIn(kLicenceDirectory);
    if (licences.ok()) return licences;
    return absl::Status(licences.status().code(),
                        absl::StrCat(licences.status().message(), ": give a text with --corpus"));
  }
  paths.insert(paths.end(), arguments.begin(), arguments.end());
  return paths;
}

}  // namespace

std::vector<std::string_view> ModelFlags() { return {"corpus", "prompt"}; }

bool CorpusIsGiven() { return !absl::GetFlag(FLAGS_corpus).empty(); }

bool PromptIsGiven() { return !absl::GetFlag(FLAGS_prompt).empty(); }

absl::StatusOr<NgramModel> ModelFromFlags(const std::vector<std::string>& arguments,
                                          std::ostream& remarks) {
  const auto paths = CorpusPaths(arguments);
  if (!paths.ok()) return paths.status();
  const auto tokens = ReadCorpus(*paths);
  if (!tokens.ok()) return tokens.status();
  NgramModel model(*tokens);
  remarks << "learnt from " << paths->size() << (paths->size() == 1 ? " file, " : " files, ")
          << tokens->size() << " tokens, " << model.vocab_size() << " of them different\n";
  return model;
}

Sequence StartFromFlags(const NgramModel& model, std::ostream& remarks) {
  Sequence start;
  start.tokens.push_back(*model.Find(std::string(kParagraphBreak)));
  const std::string prompt = absl::GetFlag(FLAGS_prompt);
  start.text = std::string(absl::StripTrailingAsciiWhitespace(prompt));
  const std::vector<std::string> words = Tokenize(prompt);
  if (!words.empty() && words.back() == kParagraphBreak) start.text += kParagraphBreak;
  std::vector<std::string> unknown;
  for (const std::string& word : words) {
    start.detokenizer.Append(word);
    const std::optional<int32_t> id = model.Find(word);
    id ? start.tokens.push_back(*id) : unknown.push_back(word);
  }
  if (!unknown.empty()) {
    remarks << "not in the corpus, so skipped as context: " << absl::StrJoin(unknown, " ") << '\n';
  }
  return start;
}

}  // namespace boltzmann::client
