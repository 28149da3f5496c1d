#include "client/random_name.h"

#include <random>

#include "absl/strings/str_format.h"

namespace boltzmann::client {

std::string RandomName() {
  std::random_device source("/dev/urandom");
  std::string name;
  for (int word = 0; word < 4; ++word) absl::StrAppendFormat(&name, "%08x", source());
  return name;
}

}  // namespace boltzmann::client
