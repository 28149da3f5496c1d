#include "client/target.h"

#include <gtest/gtest.h>

namespace boltzmann::client {
namespace {

TEST(Target, StaysOnThisHostIfItIsAUnixSocketOrALoopbackAddress) {
  for (const char* target :
       {"unix:/run/boltzmann.sock", "unix:relative", "unix-abstract:name", "127.0.0.1:50051",
        "127.9.8.7", "ipv4:127.0.0.1:1", "ipv4:127.0.0.1:1,127.0.0.2:2", "[::1]:50051", "::1",
        "ipv6:[::1]:1,[::1]:2", "localhost:50051", "LOCALHOST", "dns:localhost:1",
        "dns:///127.0.0.1:1", "dns:///[::1]:1"}) {
    EXPECT_TRUE(StaysOnThisHost(target)) << target;
  }
}

TEST(Target, MayBeElsewhereIfItIsAnythingElse) {
  for (const char* target :
       {"10.0.0.1:50051", "0.0.0.0:1", "128.0.0.1", "ipv4:127.0.0.1:1,10.0.0.1:1",
        "ipv4:10.0.0.1:1,127.0.0.1:1", "[::2]:1", "[::]:1", "::ffff:10.0.0.1", "sampler:50051",
        "localhost.example.com:1", "127.0.0.1.example.com:1", "notlocalhost", "127.1:1",
        "dns:///sampler:1", "dns://8.8.8.8/localhost:1", "dns:127.0.0.1%2eexample.com",
        "xds:///localhost", "UNIX:/run/socket", ""}) {
    EXPECT_FALSE(StaysOnThisHost(target)) << target;
  }
}

TEST(Target, NamesAsManyServersAsCanBeSeen) {
  for (const char* target : {"unix:/a,b", "127.0.0.1:1", "10.0.0.1", "[::1]:1", "localhost:1",
                             "ipv4:10.0.0.1:1", "dns:///10.0.0.1:1"}) {
    EXPECT_EQ(CountServers(target), ServerCount::kOne) << target;
  }
  for (const char* target : {"ipv4:10.0.0.1:1,10.0.0.1:2", "ipv6:[::1]:1,[::1]:2"}) {
    EXPECT_EQ(CountServers(target), ServerCount::kSeveral) << target;
  }
  for (const char* target : {"sampler:50051", "dns:///sampler.example.com:1", "xds:///sampler"}) {
    EXPECT_EQ(CountServers(target), ServerCount::kUnknown) << target;
  }
}

TEST(Target, IsAUnixSocketByItsScheme) {
  EXPECT_TRUE(IsUnixSocket("unix:/a"));
  EXPECT_TRUE(IsUnixSocket("unix-abstract:a"));
  EXPECT_FALSE(IsUnixSocket("unix"));
  EXPECT_FALSE(IsUnixSocket("dns:unix:1"));
}

}  // namespace
}  // namespace boltzmann::client
