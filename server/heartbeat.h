// Keeps gRPC's callback threads awake, and does what is due from time to time.
#ifndef BOLTZMANN_SERVER_HEARTBEAT_H_
#define BOLTZMANN_SERVER_HEARTBEAT_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "boltzmann/v1/sampler.grpc.pb.h"
#include "core/mutex.h"

namespace boltzmann::server {

// Calls the server from within, four times a second, from construction to destruction.
//
// gRPC 1.51 serves callbacks with a few threads that each wait a second for an event
// and, if none came, sleep a tenth of a second. After a quiet second all of them are
// asleep at once, and a call that comes then waits until the first wakes. A call every
// quarter of a second keeps whichever thread took it waiting for the next: README.md has
// the measurements.
class Heartbeat {
 public:
  // `channel` leads to the server itself, in process. `chores` are done at every beat.
  Heartbeat(std::shared_ptr<grpc::ChannelInterface> channel, std::function<void()> chores);

  // Waits for a call that is under way. Destroy it before the server shuts down, and not
  // on a thread of gRPC.
  ~Heartbeat();

  // Whether the server has answered a call within the last seconds. Thread-safe.
  bool IsAlive() const;

 private:
  void Run();
  void Beat();

  static std::chrono::milliseconds Now();

  const std::unique_ptr<v1::SamplerService::Stub> stub_;
  const std::function<void()> chores_;
  core::Mutex mutex_;
  core::Condition stop_;
  std::atomic<std::chrono::milliseconds> last_beat_ = Now();  // that was answered
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last, so that it finds the others made
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_HEARTBEAT_H_
