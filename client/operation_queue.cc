#include "client/operation_queue.h"

#include "absl/time/clock.h"

namespace boltzmann::client {

void* OperationQueue::Begin(Operation& operation) {
  MutexLock lock(mutex_);
  operation.under_way_ = true;
  return &operation;
}

bool OperationQueue::Succeeded(const Operation& operation) {
  MutexLock lock(mutex_);
  return operation.ok_;
}

bool OperationQueue::Wait(Operation& operation, absl::Time deadline) {
  MutexLock lock(mutex_);
  bool in_time = true;
  while (operation.under_way_ && in_time) {
    in_time = polling_ ? polled_.WaitUntil(mutex_, deadline) : Poll(deadline);
  }
  return !operation.under_way_;
}

bool OperationQueue::Poll(absl::Time deadline) {
  polling_ = true;
  mutex_.Unlock();
  void* tag = nullptr;
  bool ok = false;
  const auto next = completions_.AsyncNext(&tag, &ok, absl::ToChronoTime(deadline));
  mutex_.Lock();
  polling_ = false;
  polled_.NotifyAll();
  if (next != grpc::CompletionQueue::GOT_EVENT) return false;
  auto& operation = *static_cast<Operation*>(tag);
  operation.under_way_ = false;
  operation.ok_ = ok;
  return true;
}

}  // namespace boltzmann::client
