// Where servers listen, as flags name it.
#ifndef BOLTZMANN_SERVER_ADDRESS_H_
#define BOLTZMANN_SERVER_ADDRESS_H_

#include <string>

#include "absl/status/statusor.h"

namespace boltzmann::server {

// HOST:PORT or unix:PATH.
struct Address {
  std::string text = "";  // as it was given
  std::string path = "";  // of a Unix socket, else empty
  std::string host = "";  // without the brackets of an IPv6 address
  int port = 0;      // 0: one that the system chooses

  bool is_unix() const { return !path.empty(); }
};

// INVALID_ARGUMENT, naming `flag`, for another form.
absl::StatusOr<Address> ParseAddress(const char* flag, const std::string& text);

// The same of HOST:PORT only.
absl::StatusOr<Address> ParseHostAndPort(const char* flag, const std::string& text);

// HOST:PORT, as a caller writes it.
std::string Join(const std::string& host, int port);

// Whether only this host reaches it: 127.x.x.x, ::1, localhost.
bool IsLoopback(const std::string& host);

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_ADDRESS_H_
