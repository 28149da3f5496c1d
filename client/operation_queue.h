// Waiting for the operations of one gRPC call from several threads.
#ifndef BOLTZMANN_CLIENT_OPERATION_QUEUE_H_
#define BOLTZMANN_CLIENT_OPERATION_QUEUE_H_

#include <grpcpp/completion_queue.h>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "client/mutex.h"

namespace boltzmann::client {

// An operation of a call, again and again: one write after the other, say.
class Operation {
 private:
  friend class OperationQueue;
  bool under_way_ = false;  // guarded by the queue's mutex
  bool ok_ = false;         // likewise
};

// A completion queue without a thread of its own: of the threads that wait for operations one asks
// gRPC, on behalf of all. So a thread that waits alone is woken by gRPC itself, which is as quick
// as it gets.
//
// Threads: any thread, but one operation belongs to one thread at a time.
class OperationQueue {
 public:
  OperationQueue() = default;
  OperationQueue(const OperationQueue&) = delete;
  OperationQueue& operator=(const OperationQueue&) = delete;
  // No operation may be under way.
  ~OperationQueue() = default;

  // For the call to be made with.
  grpc::CompletionQueue& completions() { return completions_; }

  // Notes that an operation begins, and returns the tag to begin it with. It must not be under way.
  void* Begin(Operation& operation);

  // Waits until the operation has completed. False if `deadline` passes first: then it is still
  // under way, and can be waited for again.
  bool Wait(Operation& operation, absl::Time deadline);

  // What gRPC said of the operation when it completed last.
  bool Succeeded(const Operation& operation);

 private:
  // Waits for any operation, and notes that it has completed. False if the deadline passed.
  bool Poll(absl::Time deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  grpc::CompletionQueue completions_;
  Mutex mutex_;
  Condition polled_;
  // Whether a thread is in Poll().
  bool polling_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_OPERATION_QUEUE_H_
