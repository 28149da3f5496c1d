// The distribution of rows as a page for a browser.
#ifndef BOLTZMANN_CLIENT_DESCRIBE_PAGE_H_
#define BOLTZMANN_CLIENT_DESCRIBE_PAGE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/describe_view.h"

namespace boltzmann::client {

// One HTML document that needs no network and no script, for light and dark. All text is escaped.
std::string PageOfRows(const std::vector<RowView>& rows);
std::string PageOfSweep(const SweepView& view);

// UNKNOWN, naming the file, if it could not be written.
absl::Status WritePage(const std::string& path, const std::string& page);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_DESCRIBE_PAGE_H_
