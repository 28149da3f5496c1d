#include "client/corpus.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/logits_file.h"
#include "client/tokenizer.h"

namespace boltzmann::client {

absl::StatusOr<std::vector<std::string>> FilesIn(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> paths;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    if (it->symlink_status(error).type() == std::filesystem::file_type::regular) {
      paths.push_back(it->path());
    }
  }
  if (error) return absl::NotFoundError(absl::StrCat(directory, ": ", error.message()));
  if (paths.empty()) return absl::NotFoundError(absl::StrCat(directory, ": there is no file"));
  std::sort(paths.begin(), paths.end());
  return paths;
}

absl::StatusOr<std::vector<std::string>> ReadCorpus(const std::vector<std::string>& paths) {
  std::vector<std::string> corpus;
  for (const std::string& path : paths) {
    const absl::StatusOr<std::string> text = ReadFile(path);
    if (!text.ok()) return text.status();
    std::vector<std::string> tokens = Tokenize(*text + "\n\n");
    std::move(tokens.begin(), tokens.end(), std::back_inserter(corpus));
  }
  if (corpus.size() <= paths.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no word in the corpus: ", absl::StrJoin(paths, ", ")));
  }
  return corpus;
}

}  // namespace boltzmann::client
