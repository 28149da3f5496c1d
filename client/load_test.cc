#include "client/load_test.h"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/sample_stream.h"

namespace boltzmann::client {
namespace {

using Clock = LoadSchedule::Clock;
using std::chrono::milliseconds;

// How long a server may answer nothing at all before the test gives up, if calls have failed
// lately.
constexpr std::chrono::seconds kDead(5);
constexpr std::chrono::seconds kFailing(1);

// After a call that failed, so that a server that is gone is not asked a thousand times a second.
constexpr milliseconds kAfterError(20);

constexpr milliseconds kTick(50);
constexpr std::chrono::seconds kProgressPeriod(1);

// The most intervals of a step: longer steps have longer ones.
constexpr int kMostIntervals = 300;

// Share of all processors from which the generator is likely to have been the limit.
constexpr double kBusy = 0.9;

// find_max: how often the rate is doubled at most, and how often the bracket is halved.
constexpr int kDoublings = 20;
constexpr int kHalvings = 5;

double Microseconds(const google::protobuf::Duration& time) {
  return 1e6 * static_cast<double>(time.seconds()) + 1e-3 * static_cast<double>(time.nanos());
}

// The means of the calls that were answered in between; nothing if there are none, or fewer than
// `call_count`: then the counters were those of different servers, or of one of several.
std::optional<ServerTime> ServerTimeBetween(const v1::Counters& before, const v1::Counters& after,
                                            uint64_t call_count) {
  if (!after.has_computed_time() || after.answered_count() <= before.answered_count() ||
      after.answered_count() - before.answered_count() < call_count) {
    return std::nullopt;
  }
  const double calls = static_cast<double>(after.answered_count() - before.answered_count());
  return ServerTime{
      (Microseconds(after.queued_time()) - Microseconds(before.queued_time())) / calls,
      (Microseconds(after.computed_time()) - Microseconds(before.computed_time())) / calls};
}

double ProcessorSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// One call at a time, on one thread.
class Slot {
 public:
  Slot(const Client& client, const LoadWorkload& workload, bool use_stream)
      : client_(client), workload_(workload), use_stream_(use_stream) {}

  absl::StatusOr<v1::SampleResponse> Call() {
    if (use_stream_) return Step();
    if (workload_.inline_data.owner == nullptr) return client_.Sample(workload_.request);
    return client_.Sample(workload_.request, workload_.inline_data);
  }

 private:
  // A stream that broke is replaced at the next step.
  absl::StatusOr<v1::SampleResponse> Step() {
    if (stream_ == nullptr || stream_->broken()) {
      auto stream = SampleStream::Open(client_);
      if (!stream.ok()) return stream.status();
      stream_ = *std::move(stream);
    }
    absl::Status sent = workload_.inline_data.owner == nullptr
                            ? stream_->Send(workload_.request)
                            : stream_->Send(workload_.request, workload_.inline_data);
    if (!sent.ok()) return stream_->broken() ? stream_->Close() : sent;
    return stream_->Receive();
  }

  const Client client_;
  const LoadWorkload& workload_;
  const bool use_stream_;
  std::unique_ptr<SampleStream> stream_;
};

class LoadTest {
 public:
  LoadTest(const LoadOptions& options, const LoadWorkload& workload, std::vector<Client> clients,
           v1::SampleResponse expected, const std::atomic<bool>& stop,
           const std::function<void(const LoadProgress&)>& show)
      : options_(options),
        workload_(workload),
        clients_(std::move(clients)),
        expected_(std::move(expected)),
        stop_(stop),
        show_(show) {}

  LoadResult Run() {
    if (options_.find_max) {
      FindMax();
    } else if (!options_.rates.empty()) {
      for (const double rate : options_.rates) RunStep(options_.max_in_flight, rate);
    } else {
      for (const int concurrency : options_.concurrencies) RunStep(concurrency, std::nullopt);
    }
    return std::move(result_);
  }

 private:
  // Whether the step met the objective. Does nothing once the test was aborted.
  bool RunStep(int concurrency, std::optional<double> rate);
  void FindMax();
  void RunSlot(size_t index, bool open_loop, Clock::time_point measured_from,
               LoadSchedule& schedule, LoadRecorder& recorder, const std::atomic<bool>& ending);
  // Returns when the step is over, or why the test is.
  std::string Watch(const LoadStep& setting, Clock::time_point begin, Clock::time_point end,
                    const std::atomic<int>& running, LoadRecorder& recorder);
  bool ToBeVerified(size_t index, uint64_t call) const;
  std::optional<v1::Counters> ReadCounters() const;

  const LoadOptions& options_;
  const LoadWorkload& workload_;
  const std::vector<Client> clients_;
  const v1::SampleResponse expected_;
  const std::atomic<bool>& stop_;
  const std::function<void(const LoadProgress&)>& show_;
  LoadResult result_;
};

std::optional<v1::Counters> LoadTest::ReadCounters() const {
  if (clients_.front().connection().lists_several_servers) return std::nullopt;
  const auto info = clients_.front().GetServerInfo();
  if (!info.ok()) return std::nullopt;
  return info->counters();
}

// Spread evenly over the calls of every slot.
bool LoadTest::ToBeVerified(size_t index, uint64_t call) const {
  const double share = options_.verified_share;
  const auto due = [share](uint64_t n) { return std::floor(share * static_cast<double>(n)); };
  const uint64_t n = call + index * 7919;
  return due(n + 1) > due(n);
}

void LoadTest::RunSlot(size_t index, bool open_loop, Clock::time_point measured_from,
                       LoadSchedule& schedule, LoadRecorder& recorder,
                       const std::atomic<bool>& ending) {
  Slot slot(clients_[index % clients_.size()], workload_, options_.stream);
  for (uint64_t call = 0; !ending; ++call) {
    const auto intended = schedule.Next();
    if (!intended) return;
    // What was due in the warm-up and had no turn in it would only be in the way.
    if (*intended < measured_from && Clock::now() >= measured_from) continue;
    EndedCall ended;
    ended.intended = *intended;
    ended.waited_for_slot = open_loop && *intended < Clock::now();
    if (open_loop) std::this_thread::sleep_until(*intended);
    ended.sent = open_loop ? Clock::now() : *intended;
    const absl::StatusOr<v1::SampleResponse> response = slot.Call();
    ended.ended = Clock::now();
    ended.status = response.status();
    if (response.ok() && ToBeVerified(index, call)) {
      ended.verified = true;
      ended.wrong = !IsSameAnswer(*response, expected_);
    }
    recorder.Record(ended);
    if (!response.ok()) std::this_thread::sleep_for(kAfterError);
  }
}

std::string LoadTest::Watch(const LoadStep& setting, Clock::time_point begin, Clock::time_point end,
                            const std::atomic<int>& running, LoadRecorder& recorder) {
  auto shown = begin;
  while (running > 0) {
    std::this_thread::sleep_for(kTick);
    const auto now = Clock::now();
    if (stop_) return "it was interrupted";
    const LoadRecorder::Last last = recorder.last();
    const bool is_failing = !last.error.ok() && now - last.failure < kFailing;
    if (is_failing && now - std::max(begin, last.answer) > kDead) {
      return absl::StrCat("no call was answered for ", kDead.count(),
                          " s: ", last.error.ToString());
    }
    if (now > end + kDead) return "";  // what is still to be sent is too late to count
    if (now - shown < kProgressPeriod) continue;
    const LoadRecorder::Recent recent = recorder.TakeRecent();
    const double seconds = std::chrono::duration<double>(now - shown).count();
    show_({setting, static_cast<double>(recent.latency.count()) / seconds, recent.latency,
           recent.error_count, std::max(0.0, std::chrono::duration<double>(end - now).count())});
    shown = now;
  }
  return "";
}

bool LoadTest::RunStep(int concurrency, std::optional<double> rate) {
  if (!result_.aborted.empty()) return false;
  LoadStep setting;
  setting.concurrency = concurrency;
  setting.rate = rate;
  const std::optional<v1::Counters> before = ReadCounters();
  const double processor_before = ProcessorSeconds();
  const auto begin = Clock::now();
  const auto measured_from = begin + options_.warmup;
  const auto end = measured_from + options_.duration;
  const auto interval =
      std::chrono::seconds(1 + options_.duration / milliseconds(1000) / kMostIntervals);
  LoadSchedule schedule(begin, end, options_.max_calls, rate, options_.arrivals);
  LoadRecorder recorder(measured_from, interval);
  std::atomic<bool> ending = false;
  std::atomic<int> running = concurrency;
  std::vector<std::thread> threads;
  for (int i = 0; i < concurrency; ++i) {
    threads.emplace_back([&, i] {
      RunSlot(static_cast<size_t>(i), rate.has_value(), measured_from, schedule, recorder, ending);
      --running;
    });
  }
  result_.aborted = Watch(setting, begin, end, running, recorder);
  const auto until = std::min(Clock::now(), end);
  const uint64_t missed = schedule.CountMissed(measured_from, until);
  ending = true;
  for (std::thread& thread : threads) thread.join();

  LoadStep step = recorder.Take(until, workload_.row_count(), workload_.logit_bytes);
  step.concurrency = concurrency;
  step.rate = rate;
  if (missed > 0) {
    if (step.errors.empty())
      step.first_error = "due, but every slot was busy until it was too late";
    step.errors["NOT_SENT"] = missed;
  }
  const double busy = (ProcessorSeconds() - processor_before) /
                      (std::chrono::duration<double>(Clock::now() - begin).count() *
                       std::max(1u, std::thread::hardware_concurrency()));
  if (busy > kBusy) {
    step.warnings.push_back(absl::StrFormat(
        "The generator itself took %.0f %% of this machine's processors: more load needs another.",
        100 * busy));
  }
  const auto after = result_.aborted.empty() ? ReadCounters() : std::nullopt;
  if (before && after) {
    step.server = ServerTimeBetween(*before, *after, step.call_count);
  }
  result_.steps.push_back(std::move(step));
  return Meets(result_.steps.back(), options_.objectives);
}

void LoadTest::FindMax() {
  double met = 0;
  double missed = 0;
  const auto run = [&](double rate) {
    const bool good = RunStep(options_.max_in_flight, rate);
    if (good) {
      met = rate;
      result_.best = result_.steps.size() - 1;
    } else {
      missed = rate;
    }
    return good;
  };
  double rate = options_.rates.front();
  for (int i = 0; i < kDoublings && run(rate) && result_.aborted.empty(); ++i) rate *= 2;
  for (int i = 0; i < kHalvings && missed > 0 && result_.aborted.empty(); ++i) {
    run((met + missed) / 2);
  }
}

}  // namespace

absl::StatusOr<LoadResult> RunLoad(const ClientOptions& client_options, const LoadOptions& options,
                                   const LoadWorkload& workload, const std::atomic<bool>& stop,
                                   const std::function<void(const LoadProgress&)>& show) {
  std::vector<Client> clients;
  for (int i = 0; i < options.connections; ++i) {
    ClientOptions own = client_options;
    own.own_connection = true;
    absl::StatusOr<Client> client = Client::Create(own);
    if (!client.ok()) return client.status();
    clients.push_back(*std::move(client));
  }
  v1::SampleResponse expected;
  if (options.verified_share > 0) {
    absl::StatusOr<v1::SampleResponse> answer = ExpectedAnswer(clients.front(), workload);
    if (!answer.ok()) return answer.status();
    expected = *std::move(answer);
  }
  return LoadTest(options, workload, std::move(clients), std::move(expected), stop, show).Run();
}

}  // namespace boltzmann::client
