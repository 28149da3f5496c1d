// A load test as JSON: for programs, and as the baseline of a later test.
#ifndef BOLTZMANN_CLIENT_LOAD_JSON_H_
#define BOLTZMANN_CLIENT_LOAD_JSON_H_

#include <string>

#include "absl/status/statusor.h"
#include "client/load_result.h"

namespace boltzmann::client {

// Of the text that is written, and the only one that is read.
inline constexpr int kLoadJsonVersion = 1;

// All of `result`, the histograms' buckets included, and the figures that a reader would else have
// to work out: rates and percentiles. One line of UTF-8, the fields in alphabetical order. Fields
// of LoadResult keep their names; what is unset is left out.
std::string LoadJson(const LoadResult& result);

// The test that LoadJson() wrote. Percentiles, counts, the shortest and the longest time are the
// same; a mean is so to within 1/1024 of it, as the times are known only by their buckets.
// InvalidArgument, naming the field, if anything is missing, of the wrong type or out of range.
absl::StatusOr<LoadResult> ParseLoadJson(const std::string& json);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_LOAD_JSON_H_
