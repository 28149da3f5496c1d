// The flags that say how a load test is reported and what it must keep to.
#ifndef BOLTZMANN_CLIENT_LOAD_REPORT_FLAGS_H_
#define BOLTZMANN_CLIENT_LOAD_REPORT_FLAGS_H_

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "client/command.h"
#include "client/load_result.h"

namespace boltzmann::client {

// --format, --csv, --hgrm, --html, --json, --baseline, --fail_if.
std::vector<std::string_view> LoadReportFlags();

// To be called before the test, which may be long: that what the flags say can be done, as far as
// it can be known. Misuse if a value is wrong; InvalidArgument or NotFound if the baseline cannot
// be read.
absl::Status CheckLoadReportFlags();

// Prints the report, as a table or as JSON; writes the files that are asked for; compares with the
// baseline and judges. Of a JSON report, the comparison goes to console.err. An error if a file
// could not be written, the baseline is not comparable (InvalidArgument) or a condition holds
// (FailedPrecondition, a line for each); all that can be printed and written is so even then.
absl::Status ReportLoad(const LoadResult& result, Console& console);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_LOAD_REPORT_FLAGS_H_
