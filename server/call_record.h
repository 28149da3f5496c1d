// What is counted and logged of a request.
#ifndef BOLTZMANN_SERVER_CALL_RECORD_H_
#define BOLTZMANN_SERVER_CALL_RECORD_H_

#include <chrono>

#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "server/backend.h"
#include "server/work.h"

namespace boltzmann::server {

// A unary call, or a request of a stream, from its beginning to its end: counted at both, and logged
// at the end in one line, never with logits. Not thread-safe.
class CallRecord {
 public:
  using Clock = std::chrono::steady_clock;

  // `method` is its name in the log. `context` and `backend` must outlive the record.
  CallRecord(const char* method, const grpc::CallbackServerContext& context,
             const Backend& backend);

  Clock::time_point deadline() const { return deadline_; }

  // Its turn has come; then, all of it has arrived. Each at most once.
  void TurnCame() {
    turn_came_ = Clock::now();
    stage_ = RequestStage::kReceiving;
  }
  void Received() {
    received_ = Clock::now();
    stage_ = RequestStage::kComputing;
  }

  // It ends with this status; `work` is its work if that was begun, else nullptr. Returns the
  // status as its caller is to see it: gRPC cancels what is past its deadline, but that is
  // DEADLINE_EXCEEDED. Call it once.
  absl::Status End(absl::Status status, const Work* work);

 private:
  void Write(const absl::Status& status, const WorkSummary& work) const;

  const char* const method_;
  const grpc::CallbackServerContext& context_;
  const Backend& backend_;
  const Clock::time_point begun_ = Clock::now();
  const Clock::time_point deadline_;
  RequestStage stage_ = RequestStage::kWaiting;
  Clock::time_point turn_came_ = begun_;
  Clock::time_point received_ = begun_;
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_CALL_RECORD_H_
