// A load test as a page.
#ifndef BOLTZMANN_CLIENT_LOAD_HTML_H_
#define BOLTZMANN_CLIENT_LOAD_HTML_H_

#include <string>

#include "client/load_result.h"

namespace boltzmann::client {

// One file of HTML that loads nothing and runs nothing, in the reader's light or dark colours: the
// figures, the distribution of the latencies, percentiles and rates over time, for a sweep latency
// against throughput, the settings. It may be opened as XML too. Texts of the server are escaped.
std::string LoadHtml(const LoadResult& result);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_LOAD_HTML_H_
