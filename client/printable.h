// Text of unknown origin, for messages.
#ifndef BOLTZMANN_CLIENT_PRINTABLE_H_
#define BOLTZMANN_CLIENT_PRINTABLE_H_

#include <string>
#include <string_view>

namespace boltzmann::client {

// The first 40 bytes of `text`, with "..." if there are more; bytes that are not printable ASCII as
// \xNN.
std::string Printable(std::string_view text);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_PRINTABLE_H_
