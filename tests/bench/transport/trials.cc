#include "tests/bench/transport/trials.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace boltzmann::bench {
namespace {

using std::chrono::steady_clock;

constexpr int kFewestCalls = 4;
constexpr int kMostCalls = 100000;

double Seconds(steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

std::string Key::Name() const {
  std::string name = what;
  if (!socket.empty()) name += "/" + socket;
  if (!mode.empty()) name += "/" + mode;
  return name + "/" + std::to_string(row_count);
}

double Percentile(std::vector<double> values, double p) {
  const auto at = static_cast<size_t>(std::ceil(p * static_cast<double>(values.size())));
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(std::max<size_t>(at, 1) - 1);
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

std::string Trials::RunRound(double seconds) {
  const bool backwards = rounds_++ % 2 == 1;
  for (size_t i = 0; i < trials_.size(); ++i) {
    Trial& trial = trials_[backwards ? trials_.size() - 1 - i : i];
    const std::string wrong = RunTurn(trial, seconds);
    if (!wrong.empty()) return trial.key.Name() + ": " + wrong;
  }
  return "";
}

std::string Trials::RunTurn(Trial& trial, double seconds) {
  // The first calls of a turn warm caches and connections up, and tell how many fit.
  std::vector<double> warm_up;
  if (absl::Status status = trial.caller->Run(2, warm_up); !status.ok()) return status.ToString();
  if (trial.checked != nullptr) {
    std::string wrong = trial.checked->Check(trial.caller->response());
    if (!wrong.empty()) return wrong;
  }
  const double fit = seconds * 1e6 / std::min(warm_up[0], warm_up[1]);
  const int calls = static_cast<int>(std::clamp<double>(fit, kFewestCalls, kMostCalls));
  const auto start = steady_clock::now();
  if (absl::Status status = trial.caller->Run(calls, trial.us); !status.ok()) {
    return status.ToString();
  }
  trial.us_per_call.push_back(1e6 * Seconds(steady_clock::now() - start) / calls);
  return "";
}

const Trial* Trials::Find(const Key& key) const {
  const auto found = std::ranges::find(trials_, key, &Trial::key);
  return found == trials_.end() ? nullptr : &*found;
}

std::optional<double> Trials::Speed(const Key& trial, const Key& ceiling) const {
  const Trial* measured = Find(trial);
  const Trial* fastest = Find(ceiling);
  if (measured == nullptr || fastest == nullptr) return std::nullopt;
  std::vector<double> ratios;
  for (size_t round = 0; round < measured->us_per_call.size(); ++round) {
    ratios.push_back(fastest->us_per_call[round] / measured->us_per_call[round]);
  }
  return Percentile(ratios, .5);
}

}  // namespace boltzmann::bench
