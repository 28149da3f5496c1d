// Several real servers behind one client, some of them killed and drained under load.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "client/client.h"
#include "client/load_workload.h"
#include "tests/client/run_command.h"
#include "tests/process.h"
#include "tests/temporary_directory.h"

namespace boltzmann::client {
namespace {

constexpr int kThreads = 6;
constexpr int kRequests = 24;
constexpr uint32_t kVocabSize = 8000;

// Long enough for any machine: what matters is whether a call is answered, not when.
constexpr absl::Duration kTimeout = absl::Minutes(1);

// Calls of one to four rows, each row with parameters and a seed of its own. Every third asks for
// the whole distribution too, so that servers are killed in the middle of long answers.
v1::SampleRequest RequestOf(int index) {
  const LogitMatrix matrix = MakeLogits(Shape::kPeaked, 1 + index % 4, kVocabSize);
  const LoadWorkload workload = InlineWorkload(RequestWithoutLogits(matrix, 100 * index), matrix);
  v1::SampleRequest request = workload.request;
  request.mutable_logits()->set_inline_data(workload.inline_data.data, workload.inline_data.size);
  for (uint32_t row = 0; row < request.logits().row_count(); ++row) {
    *request.add_params() = MixedParams(10 * index + row);
  }
  v1::OutputOptions& outputs = *request.add_outputs();
  outputs.set_logprobs(v1::LOGPROB_MODE_BOTH);
  if (index % 3 == 0) outputs.set_top_model_count(kVocabSize);
  return request;
}

// What is asked, and what must come back, every bit of it.
struct Case {
  v1::SampleRequest request;
  std::string answer;
};

class ServerProcess : public test::Process {
 public:
  explicit ServerProcess(const std::string& address, std::vector<std::string> flags = {})
      : Process(BOLTZMANN_SERVER, Joined({"--listen=" + address, "--workers=1"}, flags)),
        address_(address) {
    EXPECT_TRUE(ReadUntil("serving")) << text();
  }

  // How many calls it has answered, as `boltzmann info` says. The flags are the process's: one
  // thread.
  uint64_t AnsweredCount() const {
    const test::CommandResult info =
        test::RunCommand({"info", "--server", address_, "--format=json"});
    const std::string name = "\"answered_count\": \"";
    const size_t at = info.out.find(name);
    if (info.exit_code != 0 || at == std::string::npos) return 0;
    return std::stoull(info.out.substr(at + name.size()));
  }

  // Whether it answers `count` calls more within a minute.
  bool AnswersMore(uint64_t count) const {
    const uint64_t before = AnsweredCount();
    for (int i = 0; i < 3000; ++i) {
      if (AnsweredCount() >= before + count) return true;
      absl::SleepFor(absl::Milliseconds(20));
    }
    return false;
  }

 private:
  static std::vector<std::string> Joined(std::vector<std::string> flags,
                                         const std::vector<std::string>& more) {
    flags.insert(flags.end(), more.begin(), more.end());
    return flags;
  }

  const std::string address_;
};

// Calls the servers from several threads, until it is stopped, and compares every answer.
class Load {
 public:
  Load(const Client& client, const std::vector<Case>& cases) : client_(client), cases_(cases) {
    for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this, i] { Run(i); });
  }

  ~Load() { Stop(); }

  void Stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  uint64_t answered_count() const { return answered_count_; }
  uint64_t wrong_count() const { return wrong_count_; }
  // Of the calls that were not answered.
  const std::vector<absl::Status>& errors() const { return errors_; }

 private:
  void Run(int next) {
    for (; !stopping_; next = (next + 1) % kRequests) {
      const auto response = client_.Sample(cases_[next].request);
      if (!response.ok()) {
        std::lock_guard<std::mutex> lock(mutex_);
        errors_.push_back(response.status());
        continue;
      }
      ++answered_count_;
      wrong_count_ += response->SerializeAsString() != cases_[next].answer;
    }
  }

  const Client& client_;
  const std::vector<Case>& cases_;
  std::atomic<bool> stopping_ = false;
  std::atomic<uint64_t> answered_count_ = 0;
  std::atomic<uint64_t> wrong_count_ = 0;
  std::mutex mutex_;
  std::vector<absl::Status> errors_;
  std::vector<std::thread> threads_;
};

class ScaledOut : public testing::Test {
 protected:
  ScaledOut() {
    for (std::string& address : addresses_) {
      address = test::FreeAddress();
      servers_.push_back(std::make_unique<ServerProcess>(address));
    }
    AskTheReference();
  }

  // One server alone, in calls without neighbours.
  void AskTheReference() {
    const test::TemporaryDirectory directory;
    const std::string address = "unix:" + directory.Of("reference");
    const ServerProcess reference(address);
    const auto client = Client::Create({.target = address, .timeout = kTimeout});
    for (int i = 0; i < kRequests; ++i) {
      const auto response = client->Sample(RequestOf(i));
      ASSERT_TRUE(response.ok()) << response.status();
      cases_.push_back({RequestOf(i), response->SerializeAsString()});
    }
  }

  std::vector<std::string> addresses_ = std::vector<std::string>(3);
  std::vector<std::unique_ptr<ServerProcess>> servers_;
  std::vector<Case> cases_;
};

// All defaults but the timeout: three attempts.
TEST_F(ScaledOut, LosesNoCallAndNoBitWhenServersAreKilledAndDrained) {
  const auto client =
      Client::Create({.target = "ipv4:" + addresses_[0] + "," + addresses_[1] + "," + addresses_[2],
                      .timeout = kTimeout});
  ASSERT_TRUE(client.ok()) << client.status();
  Load load(*client, cases_);
  for (const auto& server : servers_) EXPECT_TRUE(server->AnswersMore(50));

  for (int round = 0; round < 3; ++round) {
    servers_[0]->Kill(SIGKILL);
    EXPECT_EQ(servers_[0]->Wait(), -1);
    EXPECT_TRUE(servers_[1]->AnswersMore(50));
    servers_[0] = std::make_unique<ServerProcess>(addresses_[0]);
    EXPECT_TRUE(servers_[0]->AnswersMore(50)) << "calls do not reach it again";
  }

  servers_[1]->Kill(SIGTERM);
  EXPECT_EQ(servers_[1]->Wait(), 0) << servers_[1]->text();
  EXPECT_TRUE(servers_[0]->AnswersMore(50));
  EXPECT_TRUE(servers_[2]->AnswersMore(50));

  load.Stop();
  EXPECT_EQ(load.errors().size(), 0u) << load.errors().front();
  EXPECT_EQ(load.wrong_count(), 0u);
  EXPECT_GT(load.answered_count(), 500u);
  RecordProperty("answered_count", std::to_string(load.answered_count()));
}

// A connection has so many calls side by side as the server has places; the watch takes none.
TEST(SeveralServerProcesses, HaveRoomForTheWatchOfTheirHealth) {
  const std::string address = test::FreeAddress();
  const ServerProcess server(address, {"--max_calls_waiting=0", "--max_streams=0"});
  const auto client = Client::Create({.target = "ipv4:" + address + "," + address});
  const auto info = client->GetServerInfo();
  EXPECT_TRUE(info.ok()) << info.status();
}

}  // namespace
}  // namespace boltzmann::client
