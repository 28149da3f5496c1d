#include "core/worker_pool.h"

#include <algorithm>
#include <utility>

namespace boltzmann::core {

WorkerPool::WorkerPool(int worker_count) {
  threads_.reserve(worker_count);
  for (int i = 0; i < worker_count; ++i) threads_.emplace_back([this, i] { Work(i); });
}

WorkerPool::~WorkerPool() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  work_or_stop_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::Start(Job& job) {
  const bool alone = job.count_ == 1;
  {
    MutexLock lock(mutex_);
    queue_.push_back(&job);
  }
  alone ? work_or_stop_.NotifyOne() : work_or_stop_.NotifyAll();
}

void WorkerPool::RunWithin(int worker, Job& job) {
  MutexLock lock(mutex_);
  queue_.insert(queue_.begin(), &job);
  if (job.count_ > 1) work_or_stop_.NotifyAll();
  while (job.next_ < job.count_) RunItem(worker, job, Claim(job));
  while (job.unfinished_ > 0) finished_.Wait(mutex_);
}

void WorkerPool::Work(int worker) {
  MutexLock lock(mutex_);
  while (true) {
    while (queue_.empty() && !stopping_) work_or_stop_.Wait(mutex_);
    if (queue_.empty()) return;
    Job& job = *queue_.front();
    if (!RunItem(worker, job, Claim(job))) continue;
    finished_.NotifyAll();
    if (Job::Done done = std::move(job.done_)) {
      mutex_.Unlock();
      done();
      mutex_.Lock();
    }
  }
}

int WorkerPool::Claim(Job& job) {
  const int item = job.next_++;
  if (job.next_ == job.count_) queue_.erase(std::find(queue_.begin(), queue_.end(), &job));
  return item;
}

bool WorkerPool::RunItem(int worker, Job& job, int item) {
  mutex_.Unlock();
  job.run_(worker, item);
  mutex_.Lock();
  return --job.unfinished_ == 0;
}

}  // namespace boltzmann::core
