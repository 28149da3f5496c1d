#include "client/target.h"

#include <arpa/inet.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace boltzmann::client {
namespace {

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

bool IsAddressList(std::string_view target) {
  return StartsWith(target, "ipv4:") || StartsWith(target, "ipv6:");
}

// HOST:PORT, [HOST]:PORT or HOST without what is not the host.
std::string HostOf(std::string_view address) {
  if (StartsWith(address, "[")) return std::string(address.substr(1, address.find(']') - 1));
  const bool has_port = std::count(address.begin(), address.end(), ':') == 1;
  return std::string(has_port ? address.substr(0, address.find(':')) : address);
}

bool IsLocalhost(const std::string& host) { return absl::EqualsIgnoreCase(host, "localhost"); }

bool IsAddress(const std::string& host) {
  in6_addr any;
  return inet_pton(AF_INET, host.c_str(), &any) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &any) == 1;
}

bool IsLoopback(const std::string& host) {
  in_addr four;
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) return ntohl(four.s_addr) >> 24 == 127;
  in6_addr six;
  if (inet_pton(AF_INET6, host.c_str(), &six) == 1) return IN6_IS_ADDR_LOOPBACK(&six);
  return IsLocalhost(host);
}

// The addresses of a target that is no Unix socket. gRPC looks up by DNS what has no scheme that it
// knows, as it does what follows "dns:". With "dns://AUTHORITY/" it asks a server that may say
// anything, even of localhost: that is not understood here.
std::vector<std::string> AddressesOf(std::string_view target) {
  if (IsAddressList(target)) return absl::StrSplit(std::string(target.substr(5)), ',');
  for (const std::string_view prefix : {"dns:///", "dns:"}) {
    if (StartsWith(target, prefix)) return {std::string(target.substr(prefix.size()))};
  }
  return {std::string(target)};
}

}  // namespace

bool IsUnixSocket(std::string_view target) {
  return StartsWith(target, "unix:") || StartsWith(target, "unix-abstract:");
}

bool StaysOnThisHost(std::string_view target) {
  if (IsUnixSocket(target)) return true;
  const std::vector<std::string> addresses = AddressesOf(target);
  return std::all_of(addresses.begin(), addresses.end(),
                     [](const std::string& address) { return IsLoopback(HostOf(address)); });
}

ServerCount CountServers(std::string_view target) {
  if (IsUnixSocket(target)) return ServerCount::kOne;
  const std::vector<std::string> addresses = AddressesOf(target);
  if (addresses.size() > 1) return ServerCount::kSeveral;
  const std::string host = HostOf(addresses.front());
  return IsAddress(host) || IsLocalhost(host) ? ServerCount::kOne : ServerCount::kUnknown;
}

}  // namespace boltzmann::client
