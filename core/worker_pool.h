// A fixed set of threads that share out numbered items of work.
#ifndef BOLTZMANN_CORE_WORKER_POOL_H_
#define BOLTZMANN_CORE_WORKER_POOL_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "core/mutex.h"

namespace boltzmann::core {

// Items 0 .. count - 1 of one kind. A job is handed to a pool once.
class Job {
 public:
  using Run = std::function<void(int seat, int item)>;
  using Done = std::function<void()>;

  // `run` is called once for each item, by several workers at once. `done`, if there is
  // one, is called after the last has returned, by the worker that ran it; the pool does
  // not touch the job from then on, so `done` may destroy it.
  // REQUIRES: count >= 1.
  Job(int count, Run run, Done done = nullptr)
      : count_(count), unfinished_(count), run_(std::move(run)), done_(std::move(done)) {}

 private:
  friend class WorkerPool;
  const int count_;
  int next_ = 0;    // the first item that nobody has claimed; guarded by the pool's mutex
  int unfinished_;  // items that have not returned; guarded by the pool's mutex
  const Run run_;
  Done done_;
};

// Items run on seats, of which there are as many as workers: no two run on one at a time, and never
// more than that at once. Thread-safe. Jobs are begun in the order in which they were started.
class WorkerPool {
 public:
  // Starts `worker_count` threads, and numbers as many seats from 0. A worker without work stays
  // awake for as long as `spin`. REQUIRES: worker_count >= 1.
  explicit WorkerPool(int worker_count, std::chrono::microseconds spin);

  // Waits for the jobs that were started.
  ~WorkerPool();

  int worker_count() const { return seat_count_; }

  // How long seats have been taken, added up, ever.
  std::chrono::nanoseconds busy_time() const;

  // Hands the job to the workers and returns. It must live until it is done.
  void Start(Job& job);

  // Runs the job on the calling thread, if a seat is free and no job waits: then it is done when
  // this returns true. Else does nothing.
  bool TryRun(Job& job);

  // For a thread that is running an item on `seat`: runs the job's items itself, with whatever
  // workers are free and awake, ahead of jobs that wait; returns when all are finished. `wake`
  // calls those that sleep too.
  void RunWithin(int seat, Job& job, bool wake);

 private:
  void Work();
  bool CanWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !queue_.empty() && !free_seats_.empty();
  }
  int TakeSeat() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReturnSeat(int seat) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Adds the time since seats were last taken or returned.
  void AddBusyTime() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::chrono::nanoseconds BusySince(std::chrono::steady_clock::time_point now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Has the job's `done` called, with the mutex released.
  void FinishJob(Job& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Waits for work or the end: awake for a moment, since the next batch often comes at once
  // and waking takes longer than a row does; then asleep.
  void Await() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Claims an item of the job, and takes the job off the queue with its last one.
  int Claim(Job& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Runs one item with the mutex released. Returns whether it was the last to finish.
  bool RunItem(int seat, Job& job, int item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int seat_count_;
  mutable Mutex mutex_;
  Condition work_or_stop_;
  Condition finished_;                               // a job run within another may have finished
  std::vector<Job*> queue_ ABSL_GUARDED_BY(mutex_);  // jobs with unclaimed items
  std::vector<int> free_seats_ ABSL_GUARDED_BY(mutex_);
  std::chrono::nanoseconds busy_ ABSL_GUARDED_BY(mutex_){0};  // up to seats_changed_
  std::chrono::steady_clock::time_point seats_changed_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<int> changes_ = 0;  // reasons to look for work, ever: what an idle worker watches
  const std::chrono::microseconds spin_;
  std::vector<std::thread> threads_;
};

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_WORKER_POOL_H_
