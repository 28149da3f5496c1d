// Mixed traffic from many processes, some of which are killed at any moment, against one server:
// every answer must be right, every call must end, and nothing of the server may grow.
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/client.h"
#include "tests/counters.h"
#include "tests/process.h"
#include "tests/soak/caller.h"
#include "tests/temporary_directory.h"

ABSL_FLAG(int, seconds, 600, "How long.");
ABSL_FLAG(int, callers, 6, "Processes that call at a time.");
ABSL_FLAG(uint32_t, seed, 1, "Another seed is another run.");
ABSL_FLAG(uint32_t, caller, 0,
          "Be the caller of this number. Used by itself, as are the next two.");
ABSL_FLAG(std::vector<std::string>, targets, {}, "");
ABSL_FLAG(std::string, directory, "", "");

namespace boltzmann::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How long the server may take to be as it was before the first caller came.
constexpr std::chrono::seconds kToSettle(30);

// What memory may grow by from the first half to the second, beyond a twentieth: what the
// allocator does with it is no leak.
constexpr size_t kGrowth = 16 << 20;

// What a process holds.
struct Holdings {
  size_t resident_bytes = 0;
  size_t descriptors = 0;
  size_t mappings = 0;  // of files in the shared directory
};

Holdings HoldingsOf(pid_t pid, const std::string& directory) {
  const std::string proc = absl::StrCat("/proc/", pid, "/");
  Holdings holdings;
  holdings.resident_bytes = ResidentBytes(pid);
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator(proc + "fd", gone)) {
    holdings.descriptors += !entry.path().empty();
  }
  std::ifstream maps(proc + "maps");
  for (std::string line; std::getline(maps, line);) {
    holdings.mappings += absl::StrContains(line, directory);
  }
  return holdings;
}

class Soak {
 public:
  Soak() {
    server_ = std::make_unique<Process>(
        BOLTZMANN_SERVER,
        std::vector<std::string>{absl::StrCat("--listen=", tcp_, ",", unix_),
                                 "--shared_memory_dir=" + directory_.path(), "--log_level=error",
                                 "--max_region_lease=5s", "--max_idle_time=1s"});
    auto client = client::Client::Create({.target = unix_, .max_attempts = 5});
    client_ = std::make_unique<client::Client>(*std::move(client));
    Expect(AsksUntil([this] { return client_->GetServerInfo().ok(); }), "the server did not start");
  }

  // Whether all was well.
  bool Run(std::chrono::seconds duration, int caller_count) {
    const Holdings before = Hold();
    for (int i = 0; i < caller_count; ++i) callers_.push_back(StartCaller());
    const auto start = steady_clock::now();
    size_t most[2] = {0, 0};  // resident bytes in either half
    while (good_ && steady_clock::now() < start + duration) {
      std::this_thread::sleep_for(milliseconds(50 + random_() % 300));
      KillOne();
      const bool late = steady_clock::now() > start + duration / 2;
      most[late] = std::max(most[late], Hold().resident_bytes);
    }
    for (auto& caller : callers_) StopCaller(*caller);
    CheckSettled(before);
    CheckMemory(most[0], most[1]);
    CheckServerEnds();
    std::cout << (good_ ? "All was well.\n" : "NOT all was well.\n");
    return good_;
  }

 private:
  void Expect(bool good, const std::string& otherwise) {
    if (good) return;
    good_ = false;
    std::cerr << "FAILED: " << otherwise << "\n";
  }

  template <typename Condition>
  bool AsksUntil(const Condition& holds) {
    for (const auto end = steady_clock::now() + kToSettle; steady_clock::now() < end;) {
      if (holds()) return true;
      std::this_thread::sleep_for(milliseconds(20));
    }
    return holds();
  }

  Holdings Hold() const { return HoldingsOf(server_->pid(), directory_.path()); }

  std::unique_ptr<Process> StartCaller() {
    const std::string self = std::filesystem::read_symlink("/proc/self/exe");
    return std::make_unique<Process>(
        self,
        std::vector<std::string>{
            absl::StrCat("--caller=", ++started_ + 1000000 * absl::GetFlag(FLAGS_seed)),
            absl::StrCat("--targets=", tcp_, ",", unix_), "--directory=" + directory_.path()});
  }

  // Kills one without a warning; another takes its place.
  void KillOne() {
    std::unique_ptr<Process>& caller = callers_[random_() % callers_.size()];
    caller->Kill(SIGKILL);
    Expect(caller->Wait() == -1, "a caller ended by itself: " + caller->text());
    caller = StartCaller();
    ++killed_;
  }

  void StopCaller(Process& caller) {
    caller.Kill(SIGTERM);
    const int status = caller.Wait();
    // One that has only just been started may not know yet that it is to stop.
    Expect(status == 0 || status == -1, "a caller failed: " + caller.text());
  }

  void CheckSettled(const Holdings& before) {
    v1::Counters counters;
    Expect(AsksUntil([&] {
             const auto info = client_->GetServerInfo();
             if (info.ok()) counters = info->counters();
             return info.ok() && EndedOf(counters) == counters.begun_count();
           }),
           "calls have begun and not ended: " + counters.ShortDebugString());
    Expect(counters.answered_count() > 0, "no call was answered");
    Holdings after;
    Expect(AsksUntil([&] {
             after = Hold();
             return after.descriptors <= before.descriptors && after.mappings == 0;
           }),
           absl::StrCat("descriptors: ", before.descriptors, " before, ", after.descriptors,
                        " after; mappings of regions left: ", after.mappings));
    std::cout << absl::StreamFormat(
        "callers: %d started, %d killed\ncalls: %d begun, %d answered, %d invalid, %d pushed back, "
        "%d expired, %d cancelled\nreceived: %.1f GB\ndescriptors: %d before, %d after; mappings "
        "of "
        "regions after: %d\n",
        started_, killed_, counters.begun_count(), counters.answered_count(),
        counters.invalid_count(), counters.pushed_back_count(), counters.expired_count(),
        counters.cancelled_count(), static_cast<double>(counters.received_bytes()) / 1e9,
        before.descriptors, after.descriptors, after.mappings);
  }

  void CheckMemory(size_t first_half, size_t second_half) {
    std::cout << absl::StreamFormat(
        "resident memory: at most %d MB in the first half, %d MB in the second\n", first_half >> 20,
        second_half >> 20);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    Expect(second_half <= first_half + first_half / 20 + kGrowth, "memory has grown");
#endif
  }

  void CheckServerEnds() {
    server_->Kill(SIGTERM);
    const int status = server_->Wait();
    Expect(status == 0, absl::StrCat("the server ended with ", status, ": ", server_->text()));
    Expect(server_->text().empty(), "the server logged errors: " + server_->text());
  }

  const TemporaryDirectory directory_;
  const std::string tcp_ = FreeAddress();
  const std::string unix_ = "unix:" + directory_.Of("socket");
  std::mt19937 random_{absl::GetFlag(FLAGS_seed)};
  std::unique_ptr<Process> server_;
  std::unique_ptr<client::Client> client_;
  std::vector<std::unique_ptr<Process>> callers_;
  int started_ = 0;
  int killed_ = 0;
  bool good_ = true;
};

}  // namespace
}  // namespace boltzmann::test

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("A long run of mixed traffic. See tests/README.md.");
  absl::ParseCommandLine(argc, argv);
  using boltzmann::test::Soak;
  if (absl::GetFlag(FLAGS_caller) != 0) {
    return boltzmann::test::RunCaller({.seed = absl::GetFlag(FLAGS_caller),
                                       .targets = absl::GetFlag(FLAGS_targets),
                                       .directory = absl::GetFlag(FLAGS_directory)});
  }
  return Soak().Run(std::chrono::seconds(absl::GetFlag(FLAGS_seconds)),
                    absl::GetFlag(FLAGS_callers))
             ? 0
             : 1;
}
