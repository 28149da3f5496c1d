// The flags of every command that calls a server, and of those that print its answer.
#ifndef BOLTZMANN_CLIENT_COMMON_FLAGS_H_
#define BOLTZMANN_CLIENT_COMMON_FLAGS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/client.h"
#include "client/command.h"

namespace boltzmann::client {

// --server, --timeout, and those of TLS and the token.
std::vector<std::string_view> ConnectionFlags();

// --html. Empty if it is not given.
std::string HtmlFileFromFlags();

// --format.
std::vector<std::string_view> FormatFlags();

// All of `lists`, one after the other.
std::vector<std::string_view> Joined(const std::vector<std::vector<std::string_view>>& lists);

// How a client is to reach its server, as the flags say.
ClientOptions ClientOptionsFromFlags();

// A client as the flags say. Misuse if a value is out of range; an error if a file is not as it
// should be.
absl::StatusOr<Client> ClientFromFlags();

// The error of a call, for people: which server, which code, what it said.
absl::Status CallError(const absl::Status& status);

// Whether --format asks for JSON instead of tables. Misuse if it asks for something else.
absl::StatusOr<bool> JsonFromFlags();

// Prints `message` as protobuf's JSON, with the names of the .proto and every scalar.
void PrintJson(const google::protobuf::Message& message, std::ostream& out);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_COMMON_FLAGS_H_
