// What is counted and logged of a call.
#ifndef BOLTZMANN_SERVER_CALL_RECORD_H_
#define BOLTZMANN_SERVER_CALL_RECORD_H_

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "server/counters.h"
#include "server/work.h"

namespace boltzmann::server {

// A call, or a request of a stream, from its beginning to its end: counted at both, and logged at
// the end in one line, never with logits. Not thread-safe.
class CallRecord {
 public:
  using Clock = std::chrono::steady_clock;

  // `method` is its name in the log.
  CallRecord(const char* method, std::string peer, Clock::time_point deadline, Counters& counters);

  Clock::time_point deadline() const { return deadline_; }

  // The call's turn has come, and all of its request has arrived: in either order, at most once.
  void TurnCame() { turn_came_ = Clock::now(); }
  void Received() { received_ = Clock::now(); }

  // The call ends with this status; `work` is its work if that was begun, else nullptr. Returns the
  // status as its caller is to see it: gRPC cancels what is past its deadline, but that is
  // DEADLINE_EXCEEDED. Call it once.
  absl::Status End(absl::Status status, const Work* work);

 private:
  const char* const method_;
  const std::string peer_;
  const Clock::time_point begun_ = Clock::now();
  const Clock::time_point deadline_;
  Clock::time_point turn_came_ = begun_;
  Clock::time_point received_ = begun_;
  Counters& counters_;
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_CALL_RECORD_H_
