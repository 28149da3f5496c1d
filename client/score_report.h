// The reply of `Score` for people.
#ifndef BOLTZMANN_CLIENT_SCORE_REPORT_H_
#define BOLTZMANN_CLIENT_SCORE_REPORT_H_

#include <ostream>

#include "boltzmann/v1/sampler.pb.h"

namespace boltzmann::client {

// Prints one line for the scored token of each row, then the figures over all rows, then, if it is
// there, the fit of the temperature.
void PrintScores(const v1::ScoreResponse& response, std::ostream& out);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_SCORE_REPORT_H_
