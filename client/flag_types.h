// The values of flags that name tokens. A text that does not fit is refused by the command line,
// with the flag's help.
#ifndef BOLTZMANN_CLIENT_FLAG_TYPES_H_
#define BOLTZMANN_CLIENT_FLAG_TYPES_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace boltzmann::client {

// "1,2 3": integers separated by commas or spaces. Only the server knows the vocabulary, so any
// that fits 32 bits will do.
struct TokenIds {
  std::vector<int32_t> ids;
};

// "1,2/3": TokenIds separated by slashes, none of them empty.
struct TokenSequences {
  std::vector<std::vector<int32_t>> sequences;
};

// "1:0.5,2:-inf": ID:BIAS separated by commas or spaces. A bias may be inf or -inf.
struct LogitBiases {
  std::vector<std::pair<int32_t, double>> biases;
};

// Read and write the texts above, as absl's flags ask for it. The empty text is the empty list,
// which stands for a flag that is not given.
bool AbslParseFlag(absl::string_view text, TokenIds* value, std::string* error);
bool AbslParseFlag(absl::string_view text, TokenSequences* value, std::string* error);
bool AbslParseFlag(absl::string_view text, LogitBiases* value, std::string* error);
std::string AbslUnparseFlag(const TokenIds& value);
std::string AbslUnparseFlag(const TokenSequences& value);
std::string AbslUnparseFlag(const LogitBiases& value);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_FLAG_TYPES_H_
