// One parameter at several values: what `describe --sweep` shows side by side.
#ifndef BOLTZMANN_CLIENT_SWEEP_H_
#define BOLTZMANN_CLIENT_SWEEP_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "boltzmann/v1/sampler.pb.h"

namespace boltzmann::client {

// At most as many as the rows that a server takes by default.
inline constexpr int kMaxSweepValues = 1024;

struct Sweep {
  std::string parameter;  // a field of SamplingParams that is one number
  std::vector<double> values;
};

// Reads NAME=FIRST..LAST[:COUNT], COUNT values at equal distances, 11 unless given, rounded to six
// digits, or to integers (fewer, then, without repeats); or NAME=VALUE,VALUE... as they stand.
// Misuse if there is no such parameter, a value is no number that it can take, or the range is
// empty or reversed. Whether a value is in the parameter's range is the server's to say.
absl::StatusOr<Sweep> ParseSweep(std::string_view text);

// Sets the field of this name to `value`; it is one of a Sweep.
void SetParameter(const std::string& parameter, double value, v1::SamplingParams& params);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_SWEEP_H_
