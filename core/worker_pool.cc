#include "core/worker_pool.h"

#include <algorithm>
#include <utility>

namespace boltzmann::core {

WorkerPool::WorkerPool(int worker_count, std::chrono::microseconds spin)
    : seat_count_(worker_count), seats_changed_(std::chrono::steady_clock::now()), spin_(spin) {
  for (int seat = worker_count; seat-- > 0;) free_seats_.push_back(seat);
  threads_.reserve(worker_count);
  for (int i = 0; i < worker_count; ++i) threads_.emplace_back([this] { Work(); });
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
    changes_.fetch_add(1, std::memory_order_relaxed);
  }
  alone ? work_or_stop_.NotifyOne() : work_or_stop_.NotifyAll();
}

bool WorkerPool::TryRun(Job& job) {
  MutexLock lock(mutex_);
  if (!queue_.empty() || free_seats_.empty()) return false;
  const int seat = TakeSeat();
  while (job.next_ < job.count_) RunItem(seat, job, job.next_++);
  ReturnSeat(seat);
  if (!queue_.empty()) {  // a worker may be waiting for the seat
    changes_.fetch_add(1, std::memory_order_relaxed);
    work_or_stop_.NotifyOne();
  }
  FinishJob(job);
  return true;
}

void WorkerPool::RunWithin(int seat, Job& job, bool wake) {
  MutexLock lock(mutex_);
  queue_.insert(queue_.begin(), &job);
  changes_.fetch_add(1, std::memory_order_relaxed);
  if (wake) work_or_stop_.NotifyAll();
  while (job.next_ < job.count_) RunItem(seat, job, Claim(job));
  while (job.unfinished_ > 0) finished_.Wait(mutex_);
}

void WorkerPool::Work() {
  MutexLock lock(mutex_);
  while (true) {
    const bool ended = stopping_ && queue_.empty();
    if (!CanWork() && !ended) Await();
    if (stopping_ && queue_.empty()) return;
    if (!CanWork()) continue;
    const int seat = TakeSeat();
    Job* finished = nullptr;
    while (finished == nullptr && !queue_.empty()) {
      Job& job = *queue_.front();
      if (RunItem(seat, job, Claim(job))) finished = &job;
    }
    ReturnSeat(seat);
    if (finished == nullptr) continue;
    finished_.NotifyAll();
    FinishJob(*finished);
  }
}

void WorkerPool::Await() {
  const int changes = changes_.load(std::memory_order_relaxed);
  mutex_.Unlock();
  const auto asleep = std::chrono::steady_clock::now() + spin_;
  while (changes_.load(std::memory_order_relaxed) == changes &&
         std::chrono::steady_clock::now() < asleep) {
    std::this_thread::yield();
  }
  mutex_.Lock();
  while (!CanWork() && !(stopping_ && queue_.empty())) work_or_stop_.Wait(mutex_);
}

std::chrono::nanoseconds WorkerPool::busy_time() const {
  MutexLock lock(mutex_);
  return busy_ + BusySince(std::chrono::steady_clock::now());
}

std::chrono::nanoseconds WorkerPool::BusySince(std::chrono::steady_clock::time_point now) const {
  const auto taken = seat_count_ - static_cast<int64_t>(free_seats_.size());
  return taken * std::chrono::duration_cast<std::chrono::nanoseconds>(now - seats_changed_);
}

void WorkerPool::AddBusyTime() {
  const auto now = std::chrono::steady_clock::now();
  busy_ += BusySince(now);
  seats_changed_ = now;
}

void WorkerPool::ReturnSeat(int seat) {
  AddBusyTime();
  free_seats_.push_back(seat);
}

int WorkerPool::TakeSeat() {
  AddBusyTime();
  const int seat = free_seats_.back();
  free_seats_.pop_back();
  return seat;
}

void WorkerPool::FinishJob(Job& job) {
  Job::Done done = std::move(job.done_);
  if (!done) return;
  mutex_.Unlock();
  done();
  mutex_.Lock();
}

int WorkerPool::Claim(Job& job) {
  const int item = job.next_++;
  if (job.next_ == job.count_) queue_.erase(std::find(queue_.begin(), queue_.end(), &job));
  return item;
}

bool WorkerPool::RunItem(int seat, Job& job, int item) {
  mutex_.Unlock();
  job.run_(seat, item);
  mutex_.Lock();
  return --job.unfinished_ == 0;
}

}  // namespace boltzmann::core
