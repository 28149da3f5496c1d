// Connections without bound, and what becomes of those that came before.
#include "server/listener.h"

#include <arpa/inet.h>
#include <httplib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/process.h"
#include "tests/server/heavy.h"

namespace boltzmann::test {
namespace {

using testing::HasSubstr;

int ConnectTo(const std::string& listen) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(std::stoi(listen.substr(listen.rfind(':') + 1))));
  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
  return fd;
}

// Connections that do nothing.
class Crowd {
 public:
  Crowd(const std::string& listen, int count) {
    for (int i = 0; i < count; ++i) connections_.push_back(ConnectTo(listen));
  }
  Crowd(const Crowd&) = delete;
  ~Crowd() {
    for (const int connection : connections_) close(connection);
  }

 private:
  std::vector<int> connections_;
};

double RefusedBy(const std::string& admin) {
  httplib::Client http("http://" + admin);
  const auto reply = http.Get("/metrics");
  const std::string text = reply ? reply->body : "";
  const std::string name = "\nboltzmann_refused_connections_total ";
  const size_t at = text.find(name);
  return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size()));
}

std::unique_ptr<v1::SamplerService::Stub> StubOf(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
  return v1::SamplerService::NewStub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
}

TEST(Connections, BeyondTheLimitAreClosedAtOnceAndTheOthersServed) {
  const std::string address = FreeAddress();
  const std::string admin = FreeAddress();
  Process server(BOLTZMANN_SERVER, {"--max_connections=20", "--listen=" + address,
                                    "--admin_listen=" + admin});
  ASSERT_TRUE(server.ReadUntil("serving")) << server.text();
  const auto before = StubOf(address);
  ASSERT_TRUE(CallUntil(*before, grpc::OK).ok());
  {
    const Crowd crowd(address, 100);
    for (int i = 0; i < 1000 && RefusedBy(admin) < 80; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_GE(RefusedBy(admin), 80);
    EXPECT_TRUE(CallUntil(*before, grpc::OK).ok());
    EXPECT_LE(RefusedBy(admin), 85);
  }
  EXPECT_TRUE(CallUntil(*StubOf(address), grpc::OK).ok());
}

// gRPC 1.51 by itself stops listening for good when descriptors run out (CVE-2023-4785).
TEST(Connections, MoreThanThereAreDescriptorsDoNotEndListening) {
  const std::string address = FreeAddress();
  Process server("/bin/sh", {"-c", "ulimit -n 400; exec \"$0\" --max_connections=100 --listen=" +
                                       address,
                             BOLTZMANN_SERVER});
  ASSERT_TRUE(server.ReadUntil("serving")) << server.text();
  { const Crowd crowd(address, 600); }
  EXPECT_TRUE(CallUntil(*StubOf(address), grpc::OK).ok());
}

TEST(Connections, MoreThanTheProcessMayHaveAreRefusedAtTheStart) {
  Process server("/bin/sh", {"-c", "ulimit -n 400; exec \"$0\" --listen=127.0.0.1:0",
                             BOLTZMANN_SERVER});
  EXPECT_EQ(server.Wait(), 1);
  EXPECT_THAT(server.text(), HasSubstr("max_connections: 1024 needs "));
  EXPECT_THAT(server.text(), HasSubstr("ulimit -n"));
}

TEST(Connections, GrowOldAndAreReplacedWithoutLosingACall) {
  server::ServerOptions options;
  options.limits.max_connection_age = std::chrono::seconds(1);
  const auto server = StartServer(options);
  const auto stub = Connect(*server);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(4);
  while (std::chrono::steady_clock::now() < end) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    v1::GetServerInfoResponse response;
    const grpc::Status status = stub->GetServerInfo(&context, {}, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
}

}  // namespace
}  // namespace boltzmann::test
