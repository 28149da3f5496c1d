// The flags that say which logits to send, and how.
#ifndef BOLTZMANN_CLIENT_LOGITS_FLAGS_H_
#define BOLTZMANN_CLIENT_LOGITS_FLAGS_H_

#include <istream>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "boltzmann/v1/sampler.pb.h"
#include "client/logit_matrix.h"

namespace boltzmann::client {

// --logits, --send_as.
std::vector<std::string_view> LogitsFlags();

// The type that --send_as asks for; nothing if it is not given. Misuse if it is none.
absl::StatusOr<std::optional<v1::DataType>> SendAsFromFlags();

// --sparse_count.
std::vector<std::string_view> SparseFlags();

// Reads the file that --logits names and makes a request's logits of it, as the other flags say.
// Misuse, before anything is read, if --logits is missing or a value is not allowed; else as
// ReadLogits() says.
absl::StatusOr<v1::Logits> LogitsFromFlags(std::istream& standard_input);

// The same of rows that were made elsewhere; does not look at --logits.
absl::StatusOr<v1::Logits> LogitsFromFlags(LogitMatrix matrix);

bool LogitsAreGiven();

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_LOGITS_FLAGS_H_
