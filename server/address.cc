#include "server/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace boltzmann::server {
namespace {

constexpr char kUnixScheme[] = "unix:";
constexpr int kMaxPort = 65535;

absl::StatusOr<Address> ParseUnix(const char* flag, const std::string& text) {
  Address address{.text = text, .path = std::string(absl::StripPrefix(text, kUnixScheme))};
  if (absl::StartsWith(address.path, "//")) address.path.erase(0, 2);  // unix:///path
  constexpr size_t kMaxPath = sizeof(sockaddr_un::sun_path) - 1;
  if (!address.path.empty() && address.path.size() <= kMaxPath) return address;
  return absl::InvalidArgumentError(
      absl::StrCat(flag, ": ", text, " needs a path of 1 to ", kMaxPath, " bytes after unix:"));
}

bool SplitHostAndPort(const std::string& text, Address& address) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  address.host = text.substr(0, colon);
  if (address.host.front() == '[' && address.host.back() == ']') {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  return absl::SimpleAtoi(text.substr(colon + 1), &address.port) && address.port >= 0 &&
         address.port <= kMaxPort;
}

}  // namespace

absl::StatusOr<Address> ParseAddress(const char* flag, const std::string& text) {
  if (absl::StartsWith(text, kUnixScheme)) return ParseUnix(flag, text);
  Address address{.text = text};
  if (SplitHostAndPort(text, address)) return address;
  return absl::InvalidArgumentError(
      absl::StrCat(flag, ": ", text, " is neither HOST:PORT nor unix:PATH"));
}

absl::StatusOr<Address> ParseHostAndPort(const char* flag, const std::string& text) {
  Address address{.text = text};
  if (SplitHostAndPort(text, address)) return address;
  return absl::InvalidArgumentError(
      absl::StrCat(flag, ": ", text, " is not HOST:PORT, such as 127.0.0.1:8080"));
}

std::string Join(const std::string& host, int port) {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return absl::StrCat(is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", ":", port);
}

bool IsLoopback(const std::string& host) {
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6;
  if (inet_pton(AF_INET6, host.c_str(), &v6) != 1) return host == "localhost";
  const bool is_v4 = IN6_IS_ADDR_V4MAPPED(&v6);
  return is_v4 ? v6.s6_addr[12] == 127 : IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace boltzmann::server
