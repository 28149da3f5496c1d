// The distribution of rows for people, as text.
#ifndef BOLTZMANN_CLIENT_DESCRIBE_REPORT_H_
#define BOLTZMANN_CLIENT_DESCRIBE_REPORT_H_

#include <ostream>
#include <string>
#include <vector>

#include "client/describe_view.h"
#include "client/paint.h"

namespace boltzmann::client {

// Prints a section for each row, blank lines between: its status; the entropies and what was kept;
// one line for each stage; one line with bars for each token; what the draws came to.
void PrintRows(const std::vector<RowView>& rows, const Paint& paint, std::ostream& out);

// Prints one line for each value, with a bar of the first token's probability and, as a small
// column each, those of the listed tokens: in the model's order, the largest of the line full.
void PrintSweep(const SweepView& view, const Paint& paint, std::ostream& out);

// A probability in at most seven characters.
std::string ProbabilityCell(double probability);

// What the draws of a row came to, in a sentence.
std::string DrawsVerdict(const DrawsView& draws);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_DESCRIBE_REPORT_H_
