// Text of unknown origin, for files that must be UTF-8.
#ifndef BOLTZMANN_CLIENT_UTF8_H_
#define BOLTZMANN_CLIENT_UTF8_H_

#include <string>
#include <string_view>

namespace boltzmann::client {

// `text` with U+FFFD for every byte that is not of a UTF-8 character.
std::string ValidUtf8(std::string_view text);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_UTF8_H_
