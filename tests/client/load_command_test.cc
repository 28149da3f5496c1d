#include <signal.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "client/load_json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/run_command.h"
#include "tests/process.h"
#include "tests/temporary_directory.h"

namespace boltzmann::client {
namespace {

using std::chrono::milliseconds;
using test::CommandResult;
using testing::HasSubstr;

// A server of its own, and what `load` says of it.
class Load : public testing::Test {
 protected:
  Load()
      : server_(BOLTZMANN_SERVER, {"--listen=" + address_, "--log_level=error",
                                   "--shared_memory_dir=" + directory_.path()}) {
    // Retries until the server is up.
    for (int i = 0; i < 200; ++i) {
      if (test::RunCommand({"info", "--server", address_}).exit_code == 0) return;
      std::this_thread::sleep_for(milliseconds(20));
    }
    ADD_FAILURE() << "the server did not start";
  }

  CommandResult Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"load", "--server", address_, "--warmup", "0",
                                         "--vocab_size", "1000", "--json", json_});
    return test::RunCommand(arguments);
  }

  // What the last run wrote.
  LoadResult Result() {
    std::ifstream file(json_);
    std::stringstream text;
    text << file.rdbuf();
    const auto result = ParseLoadJson(text.str());
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : LoadResult();
  }

  const test::TemporaryDirectory directory_;
  const std::string json_ = directory_.Of("load.json");
  const std::string address_ = "unix:" + directory_.Of("socket");
  test::Process server_;
};

TEST_F(Load, MakesTheCallsThatItIsAskedForEveryWay) {
  for (const std::vector<std::string>& way :
       {std::vector<std::string>{},
        {"--method", "stream"},
        {"--transport", "sparse"},
        {"--transport", "shared_memory", "--shared_memory_dir", directory_.path()},
        {"--send_as", "bfloat16", "--mix", "rows"},
        {"--rate", "1000"},
        {"--rate", "1000", "--arrivals", "poisson"},
        {"--connections", "3"}}) {
    std::vector<std::string> arguments = {"--requests",    "40", "--rows",  "5", "--verify", "1",
                                          "--temperature", ".7", "--top_k", "20"};
    if (!way.empty() && way.back() == "rows") arguments.resize(6);
    arguments.insert(arguments.end(), way.begin(), way.end());
    const CommandResult run = Run(arguments);
    SCOPED_TRACE(way.empty() ? "" : way[0] + " " + way[1]);
    ASSERT_EQ(run.exit_code, 0) << run.err;
    const LoadResult result = Result();
    ASSERT_EQ(result.steps.size(), 1u);
    EXPECT_EQ(result.steps[0].call_count, 40u);
    EXPECT_EQ(result.steps[0].row_count, 200u);
    EXPECT_EQ(result.steps[0].verified_count, 40u);
    EXPECT_EQ(result.steps[0].wrong_count, 0u);
    EXPECT_EQ(result.steps[0].latency.count(), 40u);
    ASSERT_TRUE(result.steps[0].server.has_value());
    EXPECT_GT(result.steps[0].server->computed_us, 0);
  }
}

TEST_F(Load, SweepsAStepForEachOfAList) {
  ASSERT_EQ(Run({"--requests", "10", "--concurrency", "1,3"}).exit_code, 0);
  const LoadResult result = Result();
  ASSERT_EQ(result.steps.size(), 2u);
  EXPECT_EQ(result.steps[1].concurrency, 3);
  EXPECT_EQ(result.steps[1].call_count, 10u);
}

TEST_F(Load, FindsARateThatMeetsTheObjectiveAndOneThatDoesNot) {
  const CommandResult run =
      Run({"--rate", "50", "--find_max", "--slo", "p50<1s", "--requests", "20"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const LoadResult result = Result();
  ASSERT_TRUE(result.best.has_value());
  EXPECT_GE(*result.steps[*result.best].rate, 50);
  ASSERT_EQ(Run({"--rate", "50", "--find_max", "--slo", "p50<1ns", "--requests", "5"}).exit_code,
            0);
  EXPECT_FALSE(Result().best.has_value());
}

// A thousand rows a call: 20000 calls a second are out of reach.
TEST_F(Load, OfAnOpenLoopAboveCapacityReportsWhatTheServerDidAndWhatWasNeverSent) {
  const std::vector<std::string> call = {"--rows", "1000", "--duration", "1s"};
  std::vector<std::string> closed = call;
  closed.insert(closed.end(), {"--concurrency", "2"});
  ASSERT_EQ(Run(closed).exit_code, 0);
  const LoadStep most = Result().steps.at(0);
  std::vector<std::string> open = call;
  open.insert(open.end(),
              {"--rate", "20000", "--max_in_flight", "2", "--find_max", "--slo", "p50<1h"});
  Run(open);
  const LoadStep step = Result().steps.at(0);
  const double capacity = static_cast<double>(most.call_count) / most.seconds;
  EXPECT_LT(static_cast<double>(step.call_count) / step.seconds, 4 * capacity);
  EXPECT_GT(step.errors.at("NOT_SENT"), 0u);
  EXPECT_FALSE(Result().best.has_value() && *Result().best == 0);
}

// A server that is paused for a second keeps every call waiting that was due meanwhile. From their
// sends only those few look slow that were under way.
TEST_F(Load, OfAnOpenLoopShowsAPauseInThePercentiles) {
  std::thread pause([this] {
    std::this_thread::sleep_for(milliseconds(500));
    server_.Kill(SIGSTOP);
    std::this_thread::sleep_for(milliseconds(1000));
    server_.Kill(SIGCONT);
  });
  const CommandResult run = Run({"--rate", "100", "--max_in_flight", "4", "--duration", "2500ms"});
  pause.join();
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const LoadStep step = Result().steps.at(0);
  EXPECT_GE(step.latency.Max(), milliseconds(900));
  EXPECT_GE(step.latency.Percentile(.75), milliseconds(100));  // 90 of 250 calls
  EXPECT_LT(step.send_latency.Percentile(.75), milliseconds(100));
  EXPECT_THAT(run.out, HasSubstr("waited because all of --max_in_flight were under way"));
}

TEST_F(Load, OfAServerThatDiesReportsWhatItHasAndFails) {
  std::thread killer([this] {
    std::this_thread::sleep_for(milliseconds(500));
    server_.Kill(SIGKILL);
  });
  const CommandResult run = Run({"--duration", "1m"});
  killer.join();
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err,
              HasSubstr("the test ended early: no call was answered for 5 s: UNAVAILABLE"));
  EXPECT_GT(Result().steps.at(0).call_count, 0u);
  EXPECT_GT(Result().steps.at(0).errors["UNAVAILABLE"], 0u);
}

TEST_F(Load, EndsWithWhatWasMeasuredWhenItIsInterrupted) {
  for (const int signal : {SIGINT, SIGTERM}) {
    std::thread interrupter([signal] {
      std::this_thread::sleep_for(milliseconds(500));
      raise(signal);
    });
    const CommandResult run = Run({"--duration", "1m"});
    interrupter.join();
    EXPECT_EQ(run.exit_code, 1) << signal;
    EXPECT_THAT(run.err, HasSubstr("the test ended early: it was interrupted"));
    EXPECT_GT(Result().steps.at(0).call_count, 0u);
  }
}

TEST(LoadFlags, ThatCannotBeAreRefusedByName) {
  const auto expect = [](std::vector<std::string> arguments, const std::string& text) {
    arguments.insert(arguments.begin(), "load");
    const CommandResult run = test::RunCommand(arguments);
    EXPECT_EQ(run.exit_code, 2) << text;
    EXPECT_THAT(run.err, HasSubstr(text));
  };
  expect({"--rate", "5", "--concurrency", "2"}, "--rate and --concurrency");
  expect({"--concurrency", "0"}, "--concurrency: '0' is not an integer in [1, 4096]");
  expect({"--rate", "fast"}, "--rate: 'fast' is not a number of calls a second");
  expect({"--find_max", "--slo", "p99<1ms"}, "--find_max: give one --rate");
  expect({"--find_max", "--rate", "5"}, "--find_max: give an objective");
  expect({"--slo", "p99<1ms"}, "--slo: is for --find_max");
  expect({"--find_max", "--rate", "5", "--slo", "p98<1ms"}, "--slo: 'p98<1ms' is no objective");
  expect({"--transport", "pigeon"},
         "--transport: 'pigeon' is not inline or sparse or shared_memory");
  expect({"--transport", "shared_memory"}, "give --shared_memory_dir");
  expect({"--shared_memory_dir", "/dev/shm"}, "--shared_memory_dir: is for --transport");
  expect({"--sparse_count", "5"}, "--sparse_count: is for --transport sparse");
  expect({"--rows", "0"}, "--rows: 0 is outside [1, 1048576]");
  expect({"--verify", "2"}, "--verify: 2 is outside [0, 1]");
  expect({"--duration", "0"}, "--duration: 0 is outside");
  expect({"--requests", "0"}, "--requests: '0' is not at least 1");
  expect({"--no_such"}, "unknown flag --no_such");
  expect({"stray"}, "`load` takes no argument: 'stray'");
}

TEST(LoadOfNoServer, FailsAtOnce) {
  const CommandResult run =
      test::RunCommand({"load", "--server", "unix:/no/such/socket", "--timeout", "2s"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("the call to unix:/no/such/socket failed: UNAVAILABLE"));
}

}  // namespace
}  // namespace boltzmann::client
