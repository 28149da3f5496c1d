// What a gRPC target tells of where its servers are.
#ifndef BOLTZMANN_CLIENT_TARGET_H_
#define BOLTZMANN_CLIENT_TARGET_H_

#include <string_view>

namespace boltzmann::client {

// Whether it is a Unix socket: "unix:/path", "unix-abstract:name".
bool IsUnixSocket(std::string_view target);

// Whether what is sent there can be read on this host only: Unix sockets, 127.0.0.0/8, ::1, and the
// name localhost. Of several addresses all must be. Any other name may be looked up to be anywhere,
// and what is not understood here is taken to be elsewhere.
bool StaysOnThisHost(std::string_view target);

enum class ServerCount { kOne, kSeveral, kUnknown };

// How many servers it names. Several: a list, "ipv4:10.0.0.1:50051,10.0.0.2:50051" or "ipv6:...".
// One: a Unix socket, one address, or the name localhost. For how many any other name stands, is
// not known before it is looked up.
ServerCount CountServers(std::string_view target);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_TARGET_H_
