// The flags that say what the n-gram model learns from, and what text it continues.
#ifndef BOLTZMANN_CLIENT_MODEL_FLAGS_H_
#define BOLTZMANN_CLIENT_MODEL_FLAGS_H_

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/generator.h"
#include "client/ngram_model.h"

namespace boltzmann::client {

// --corpus, --prompt.
std::vector<std::string_view> ModelFlags();

bool CorpusIsGiven();
bool PromptIsGiven();

// Learns from the files of --corpus and `arguments`, which a shell's pattern left after it, or from
// the licence texts; says in `remarks` how much that was. An error is that of FilesIn() or
// ReadCorpus().
absl::StatusOr<NgramModel> ModelFromFlags(const std::vector<std::string>& arguments,
                                          std::ostream& remarks);

// The sequence that --prompt begins. A paragraph break stands before it, as in the corpus. Words
// that the model does not know are named in `remarks`.
Sequence StartFromFlags(const NgramModel& model, std::ostream& remarks);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_MODEL_FLAGS_H_
