// The text that the n-gram model learns from.
#ifndef BOLTZMANN_CLIENT_CORPUS_H_
#define BOLTZMANN_CLIENT_CORPUS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace boltzmann::client {

// Where every Debian keeps the texts of the common licences.
inline constexpr char kLicenceDirectory[] = "/usr/share/common-licenses";

// The regular files in `directory`, sorted; links, which here stand for the newest version of a
// licence, are left out. NOT_FOUND if there is no such directory or no file in it.
absl::StatusOr<std::vector<std::string>> FilesIn(const std::string& directory);

// The tokens of all files in the order given, with a paragraph break after each. The error of the
// first file that cannot be read; INVALID_ARGUMENT if there is no word in any.
absl::StatusOr<std::vector<std::string>> ReadCorpus(const std::vector<std::string>& paths);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_CORPUS_H_
