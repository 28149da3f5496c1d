// Names that nobody can guess.
#ifndef BOLTZMANN_CLIENT_RANDOM_NAME_H_
#define BOLTZMANN_CLIENT_RANDOM_NAME_H_

#include <string>

namespace boltzmann::client {

// 128 bits from the operating system's random source, as 32 hexadecimal digits. Any thread.
std::string RandomName();

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_RANDOM_NAME_H_
