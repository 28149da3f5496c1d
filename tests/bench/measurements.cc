#include "tests/bench/measurements.h"

#include <algorithm>
#include <utility>

namespace boltzmann::bench {

Measured Summarize(std::vector<double> us) {
  std::sort(us.begin(), us.end());
  // Between neighbours where it falls between them.
  const auto quantile = [&us](double share) {
    const double at = share * static_cast<double>(us.size() - 1);
    const auto below = static_cast<size_t>(at);
    const size_t above = std::min(below + 1, us.size() - 1);
    return us[below] + (at - static_cast<double>(below)) * (us[above] - us[below]);
  };
  const double median = quantile(.5);
  return {median, (quantile(.75) - quantile(.25)) / 2 / median};
}

bool Measurements::Any(std::string_view prefix) const {
  return std::any_of(all_.begin(), all_.end(),
                     [prefix](const auto& named) { return named.first.starts_with(prefix); });
}

bool Measurements::All(std::string_view prefix) const {
  return std::all_of(all_.begin(), all_.end(),
                     [prefix](const auto& named) { return named.first.starts_with(prefix); });
}

std::optional<Measured> Measurements::Find(const std::string& name) const {
  const auto found = all_.find(name);
  if (found == all_.end()) return std::nullopt;
  return Summarize(found->second);
}

std::optional<double> Measurements::Ratio(const std::string& name, const std::string& unit) const {
  const auto a = Find(name), b = Find(unit);
  if (!a || !b) return std::nullopt;
  return a->us / b->us;
}

}  // namespace boltzmann::bench
