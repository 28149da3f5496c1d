// The flags that say what a load test calls, and how often.
#ifndef BOLTZMANN_CLIENT_LOAD_FLAGS_H_
#define BOLTZMANN_CLIENT_LOAD_FLAGS_H_

#include <istream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/client.h"
#include "client/load_test.h"
#include "client/load_workload.h"

namespace boltzmann::client {

// All but those of the report.
std::vector<std::string_view> LoadFlags();

// Misuse if a value is not allowed, or not with another.
absl::StatusOr<LoadOptions> LoadOptionsFromFlags();

// Misuse as above; an error if a file cannot be read or a region not be had.
absl::StatusOr<LoadWorkload> LoadWorkloadFromFlags(const Client& client,
                                                   std::istream& standard_input);

// --slo.
std::string ObjectiveFromFlags();

// The flags that are not at their default, with the values in force.
std::map<std::string, std::string> LoadSettings();

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_LOAD_FLAGS_H_
