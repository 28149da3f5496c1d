#include "tests/bench/transport/tail.h"

#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <thread>
#include <utility>

#include "tests/bench/transport/service.h"

namespace boltzmann::bench {
namespace {

using std::chrono::steady_clock;

constexpr double kLongestPause = 2;  // seconds
constexpr int kServersOfEachKind = 2;
constexpr int kCallsOfATurn = 500;

struct Kind {
  const char* name;
  const char* socket;
  bool is_stream;
  bool is_shared;
};

constexpr Kind kKinds[] = {
    {"sparse/tcp/unary", "tcp", false, false},
    {"sparse/tcp/stream", "tcp", true, false},
    {"shared_bf16/unix/unary", "unix", false, true},
    {"shared_bf16/unix/stream", "unix", true, true},
};

// Calls of one kind, and what they need.
struct Line {
  Line(const Kind& kind, const Service& service, const Workload& sparse, const Workload& dense)
      : name(kind.name) {
    if (kind.is_shared) region = service.Share(dense);
    const Message message = MessageOf(kind.is_shared ? dense : sparse, region.get());
    const client::Client client = service.Connect(kind.socket);
    caller = kind.is_stream ? CallOnStream(client, message, 1) : CallUnary(client, message);
    Call(1);
    us.clear();
  }

  void Call(int count) {
    const absl::Status status = caller->Run(count, us);
    if (status.ok()) return;
    std::cerr << name << ": " << status << "\n";
    std::exit(1);
  }

  std::string name;
  std::unique_ptr<client::SharedRegion> region;
  std::unique_ptr<Caller> caller;
  std::vector<double> us;
};

void CallAfterPauses(Line& line, uint32_t seed, steady_clock::time_point end) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> pause(0, kLongestPause);
  while (steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::duration<double>(pause(random)));
    line.Call(1);
  }
}

}  // namespace

std::vector<Tail> MeasureAfterPauses(const Workload& sparse, const Workload& dense,
                                     std::chrono::seconds duration) {
  std::vector<std::unique_ptr<Service>> services;
  std::vector<std::unique_ptr<Line>> lines;
  for (const Kind& kind : kKinds) {
    for (int i = 0; i < kServersOfEachKind; ++i) {
      services.push_back(Service::StartSampler());
      lines.push_back(std::make_unique<Line>(kind, *services.back(), sparse, dense));
    }
  }
  std::vector<std::thread> threads;
  for (size_t i = 0; i < lines.size(); ++i) {
    threads.emplace_back(CallAfterPauses, std::ref(*lines[i]), static_cast<uint32_t>(i),
                         steady_clock::now() + duration);
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<Tail> tails;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i % kServersOfEachKind == 0) tails.push_back({lines[i]->name, {}});
    tails.back().us.insert(tails.back().us.end(), lines[i]->us.begin(), lines[i]->us.end());
  }
  return tails;
}

std::vector<Tail> MeasureBackToBack(const Workload& sparse, const Workload& dense, int count) {
  const std::unique_ptr<Service> service = Service::StartSampler();
  std::vector<std::unique_ptr<Line>> lines;
  for (const Kind& kind : kKinds) {
    lines.push_back(std::make_unique<Line>(kind, *service, sparse, dense));
  }
  for (int made = 0; made < count; made += kCallsOfATurn) {
    for (const auto& line : lines) line->Call(kCallsOfATurn);
  }
  std::vector<Tail> tails;
  for (const auto& line : lines) tails.push_back({line->name, std::move(line->us)});
  return tails;
}

}  // namespace boltzmann::bench
