// boltzmann-server as a process: flags, environment, signals, exit statuses.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/door.h"
#include "tests/server/heavy.h"

namespace boltzmann::test {
namespace {

using testing::HasSubstr;

// A child process, with what it writes to standard output and error.
class Process {
 public:
  Process(std::vector<std::string> arguments, std::vector<std::string> environment = {}) {
    arguments.insert(arguments.begin(), BOLTZMANN_SERVER);
    for (char** variable = environ; *variable != nullptr; ++variable) {
      environment.push_back(*variable);  // sanitizers read theirs
    }
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    output_ = ends[0];
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    EXPECT_EQ(posix_spawn(&pid_, BOLTZMANN_SERVER, &actions, nullptr, Pointers(arguments).data(),
                          Pointers(environment).data()),
              0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
  }

  ~Process() {
    if (pid_ > 0) Kill(SIGKILL), Wait();
    close(output_);
  }

  void Kill(int signal) { kill(pid_, signal); }

  // Reads on until `text` has been written, or the process has closed its output.
  bool ReadUntil(const std::string& text) {
    char buffer[4096];
    while (text_.find(text) == std::string::npos) {
      const ssize_t count = read(output_, buffer, sizeof(buffer));
      if (count <= 0) return false;
      text_.append(buffer, count);
    }
    return true;
  }

  // Everything it wrote, and its exit status: -1 if a signal ended it.
  int Wait() {
    ReadUntil(std::string(1, '\0'));
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  const std::string& text() const { return text_; }

  // The address that follows "listening on " the given number of times.
  std::string Address(int index) const {
    size_t at = 0;
    for (int i = 0; i <= index; ++i) at = text_.find("listening on ", at) + 13;
    return text_.substr(at, text_.find('\n', at) - at);
  }

 private:
  static std::vector<char*> Pointers(std::vector<std::string>& strings) {
    std::vector<char*> pointers;
    for (std::string& string : strings) pointers.push_back(string.data());
    pointers.push_back(nullptr);
    return pointers;
  }

  pid_t pid_ = -1;
  int output_ = -1;
  std::string text_;
};

void ExpectServes(const std::string& address) {
  const auto stub =
      v1::SamplerService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  EXPECT_TRUE(CallUntil(*stub, grpc::OK).ok()) << address;
}

TEST(ServerProcess, ServesEveryAddressItLogsAndEndsWithZeroOnSigterm) {
  const std::string socket = NewUnixAddress();
  Process process({"--listen=127.0.0.1:0", "--listen", socket});
  ASSERT_TRUE(process.ReadUntil("serving")) << process.text();
  EXPECT_EQ(process.Address(1), socket);
  ExpectServes(process.Address(0));
  ExpectServes(process.Address(1));
  process.Kill(SIGTERM);
  EXPECT_EQ(process.Wait(), 0) << process.text();
  EXPECT_THAT(process.text(), HasSubstr("Sample rows=1 vocab_size=2 type=float32 status=OK"));
}

TEST(ServerProcess, SigtermLetsACallInFlightFinish) {
  Process process(
      {"--listen=127.0.0.1:0", "--workers=1", "--max_calls_in_flight=1", "--max_calls_waiting=0"});
  ASSERT_TRUE(process.ReadUntil("serving"));
  const auto stub = v1::SamplerService::NewStub(
      grpc::CreateChannel(process.Address(0), grpc::InsecureChannelCredentials()));
  RunningCall call = Occupy(*stub, 4);
  process.Kill(SIGTERM);
  EXPECT_TRUE(call.status.get().ok());
  EXPECT_EQ(process.Wait(), 0) << process.text();
}

TEST(ServerProcess, ReadsFlagsFromTheEnvironmentWhichTheCommandLineOverrides) {
  Process process({"--workers=3"}, {"BOLTZMANN_LISTEN=127.0.0.1:0", "BOLTZMANN_WORKERS=2"});
  ASSERT_TRUE(process.ReadUntil("serving with 3 workers")) << process.text();
  process.Kill(SIGINT);
  EXPECT_EQ(process.Wait(), 0);
}

TEST(ServerProcess, ComputesWithTheInstructionSetAskedForAndSaysSo) {
  Process process({"--listen=127.0.0.1:0"}, {"BOLTZMANN_INSTRUCTION_SET=portable"});
  ASSERT_TRUE(process.ReadUntil("workers on portable")) << process.text();
  const auto stub = v1::SamplerService::NewStub(
      grpc::CreateChannel(process.Address(0), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(stub->GetServerInfo(&context, {}, &info).ok());
  EXPECT_EQ(info.instruction_set(), "portable");
}

TEST(ServerProcess, ATakenPortEndsItWithAnErrorThatNamesThePort) {
  const auto first = StartServer();
  const std::string& taken = first->addresses().front();
  Process process({"--listen=" + taken});
  EXPECT_EQ(process.Wait(), 1);
  EXPECT_THAT(process.text(), HasSubstr("cannot listen on " + taken));
}

TEST(ServerProcess, BadFlagsEndItWithAMessageThatNamesThem) {
  const auto expect = [](const std::vector<std::string>& arguments, const std::string& text) {
    Process process(arguments);
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
