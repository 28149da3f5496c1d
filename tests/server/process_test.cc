// boltzmann-server as a process: flags, environment, signals, exit statuses.
#include <signal.h>

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/door.h"
#include "tests/process.h"
#include "tests/server/heavy.h"

namespace boltzmann::test {
namespace {

using testing::HasSubstr;

// The server, as a process.
class ServerProcess : public Process {
 public:
  explicit ServerProcess(std::vector<std::string> arguments,
                         std::vector<std::string> environment = {})
      : Process(BOLTZMANN_SERVER, std::move(arguments), std::move(environment)) {}

  // The address that follows "listening on " the given number of times.
  std::string Address(int index) const {
    size_t at = 0;
    for (int i = 0; i <= index; ++i) at = text().find("listening on ", at) + 13;
    return text().substr(at, text().find('\n', at) - at);
  }
};

void ExpectServes(const std::string& address) {
  const auto stub =
      v1::SamplerService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  EXPECT_TRUE(CallUntil(*stub, grpc::OK).ok()) << address;
}

TEST(ServerProcesses, ServesEveryAddressItLogsAndEndsWithZeroOnSigterm) {
  const std::string socket = NewUnixAddress();
  ServerProcess process({"--listen=127.0.0.1:0", "--listen", socket, "--log_level=debug"});
  ASSERT_TRUE(process.ReadUntil("serving")) << process.text();
  EXPECT_EQ(process.Address(1), socket);
  ExpectServes(process.Address(0));
  ExpectServes(process.Address(1));
  process.Kill(SIGTERM);
  EXPECT_EQ(process.Wait(), 0) << process.text();
  EXPECT_THAT(process.text(), HasSubstr("Sample rows=1 vocab_size=2 type=float32 status=OK"));
}

TEST(ServerProcesses, SigtermLetsACallInFlightFinish) {
  ServerProcess process(
      {"--listen=127.0.0.1:0", "--workers=1", "--max_calls_in_flight=1", "--max_calls_waiting=0"});
  ASSERT_TRUE(process.ReadUntil("serving"));
  const auto stub = v1::SamplerService::NewStub(
      grpc::CreateChannel(process.Address(0), grpc::InsecureChannelCredentials()));
  RunningCall call = Occupy(*stub, 4);
  process.Kill(SIGTERM);
  EXPECT_TRUE(call.status.get().ok());
  EXPECT_EQ(process.Wait(), 0) << process.text();
}

TEST(ServerProcesses, ReadsFlagsFromTheEnvironmentWhichTheCommandLineOverrides) {
  ServerProcess process({"--workers=3"}, {"BOLTZMANN_LISTEN=127.0.0.1:0", "BOLTZMANN_WORKERS=2"});
  ASSERT_TRUE(process.ReadUntil("serving workers=3")) << process.text();
  process.Kill(SIGINT);
  EXPECT_EQ(process.Wait(), 0);
}

TEST(ServerProcesses, ComputesWithTheInstructionSetAskedForAndSaysSo) {
  ServerProcess process({"--listen=127.0.0.1:0"}, {"BOLTZMANN_INSTRUCTION_SET=portable"});
  ASSERT_TRUE(process.ReadUntil("instruction_set=portable")) << process.text();
  const auto stub = v1::SamplerService::NewStub(
      grpc::CreateChannel(process.Address(0), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(stub->GetServerInfo(&context, {}, &info).ok());
  EXPECT_EQ(info.instruction_set(), "portable");
}

TEST(ServerProcesses, ATakenPortEndsItWithAnErrorThatNamesThePort) {
  const auto first = StartServer();
  const std::string& taken = first->addresses().front();
  ServerProcess process({"--listen=" + taken});
  EXPECT_EQ(process.Wait(), 1);
  EXPECT_THAT(process.text(), HasSubstr("cannot listen on " + taken));
}

TEST(ServerProcesses, BadFlagsEndItWithAMessageThatNamesThem) {
  const auto expect = [](const std::vector<std::string>& arguments, const std::string& text) {
    ServerProcess process(arguments);
    EXPECT_NE(process.Wait(), 0);
    EXPECT_THAT(process.text(), HasSubstr(text));
  };
  expect({"--no_such_flag=1"}, "no_such_flag");
  expect({"--workers=many"}, "workers");
  expect({"--workers=-1"}, "--workers: -1 is outside [0, 4096]");
  expect({"--instruction_set=sse9"},
         "--instruction_set: 'sse9' is no instruction set of this machine");
  expect({"--max_vocab_size=0"}, "--max_vocab_size: 0 is outside [1, 16777216]");
  expect({"--unix_socket_mode=0999"}, "--unix_socket_mode: 0999 is not an octal number");
  expect({"--log_level=loud"}, "log_level: loud is not one of");
  expect({"--drain_timeout=-1s"}, "--drain_timeout: -1s is outside [0, 24h]");
  expect({"--listen="}, "no address is given");
  expect({"stray"}, "stray is no flag");
}

}  // namespace
}  // namespace boltzmann::test
