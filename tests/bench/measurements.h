// What a run has measured.
#ifndef BOLTZMANN_TESTS_BENCH_MEASUREMENTS_H_
#define BOLTZMANN_TESTS_BENCH_MEASUREMENTS_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace boltzmann::bench {

struct Measured {
  double us;      // a row, in microseconds: the median of the repetitions
  double spread;  // half of the distance between the quartiles, as a share of the median
};

// The median and the spread. REQUIRES: there is at least one.
Measured Summarize(std::vector<double> us);

// Repetitions by name of the benchmark.
class Measurements {
 public:
  void Add(const std::string& name, double us) { all_[name].push_back(us); }

  // The names of what was measured begin with this: some of them, all of them.
  bool Any(std::string_view prefix) const;
  bool All(std::string_view prefix) const;

  // Nothing if the benchmark did not run.
  std::optional<Measured> Find(const std::string& name) const;

  // The median of `name` as a multiple of that of `unit`.
  std::optional<double> Ratio(const std::string& name, const std::string& unit) const;

 private:
  std::map<std::string, std::vector<double>> all_;
};

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_MEASUREMENTS_H_
