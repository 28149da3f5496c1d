#include "core/worker_pool.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace boltzmann::core {
namespace {

// How long a worker without work stays awake.
constexpr std::chrono::microseconds kAwake(50);

}  // namespace

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
    started_.fetch_add(1, std::memory_order_relaxed);
  }
  alone ? work_or_stop_.NotifyOne() : work_or_stop_.NotifyAll();
}

void WorkerPool::RunWithin(int worker, Job& job, bool wake) {
  MutexLock lock(mutex_);
  queue_.insert(queue_.begin(), &job);
  started_.fetch_add(1, std::memory_order_relaxed);
  if (wake) work_or_stop_.NotifyAll();
  while (job.next_ < job.count_) RunItem(worker, job, Claim(job));
  while (job.unfinished_ > 0) finished_.Wait(mutex_);
}

void WorkerPool::Work(int worker) {
  MutexLock lock(mutex_);
  while (true) {
    if (queue_.empty() && !stopping_) Await();
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

void WorkerPool::Await() {
  const int started = started_.load(std::memory_order_relaxed);
  mutex_.Unlock();
  const auto asleep = std::chrono::steady_clock::now() + kAwake;
  while (started_.load(std::memory_order_relaxed) == started &&
         std::chrono::steady_clock::now() < asleep) {
    std::this_thread::yield();
  }
  mutex_.Lock();
  while (queue_.empty() && !stopping_) work_or_stop_.Wait(mutex_);
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
