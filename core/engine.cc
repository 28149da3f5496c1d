#include "core/engine.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/kernels.h"
#include "core/mutex.h"
#include "core/sample_row.h"
#include "core/worker_pool.h"

namespace boltzmann::core {
namespace {

// A row of at least this many logits is split over workers that would have no row of their
// own and are awake; of at least that many, also over those that have to be woken, which
// takes some 50 us. Plain C++ is so slow that it always pays.
constexpr int32_t kSplitVocabSize = 65536;
constexpr int32_t kWakeVocabSize = 1 << 21;

int WorkerCount(const EngineOptions& options) {
  if (options.worker_count > 0) return options.worker_count;
  return std::max(1u, std::thread::hardware_concurrency());
}

void RunInOrder(int count, absl::FunctionRef<void(int)> body) {
  for (int i = 0; i < count; ++i) body(i);
}

// Why the rows of the batch that have not begun should not be.
absl::Status Dropped(const Batch& batch) {
  if (batch.cancelled.load(std::memory_order_relaxed)) {
    return absl::CancelledError("the caller cancelled");
  }
  if (std::chrono::steady_clock::now() >= batch.deadline) {
    return absl::DeadlineExceededError("the deadline passed before every row was sampled");
  }
  return absl::OkStatus();
}

}  // namespace

class Engine::Workers {
 public:
  Workers(int count, InstructionSet set)
      : instruction_set(set), kernels_(KernelsFor(set)), scratch_(count), pool_(count) {}

  const InstructionSet instruction_set;

  int count() const { return pool_.worker_count(); }

  void Start(Batch& batch, Done done) {
    // Owns itself: it is deleted when it is done.
    auto* running = new Running(*this, batch, std::move(done));
    pool_.Start(running->job);
  }

 private:
  // A batch on its way.
  struct Running {
    Running(Workers& workers, Batch& sampled_batch, Done when_done)
        : batch(sampled_batch),
          done(std::move(when_done)),
          job(
              static_cast<int>(batch.rows.size()),
              [this, &workers](int worker, int row) { workers.RunRow(worker, *this, row); },
              [this] { Finish(); }) {}

    void Finish() {
      Done call = std::move(done);
      absl::Status ended;
      {
        MutexLock lock(mutex);
        ended = std::move(status);
      }
      delete this;
      call(std::move(ended));
    }

    Batch& batch;
    Done done;
    Mutex mutex;
    absl::Status status ABSL_GUARDED_BY(mutex);
    Job job;
  };

  void RunRow(int worker, Running& running, int row) {
    if (absl::Status dropped = Dropped(running.batch); !dropped.ok()) {
      MutexLock lock(running.mutex);
      running.status.Update(dropped);
      return;
    }
    const RowRequest& request = running.batch.rows[row];
    RowResult& result = running.batch.results.rows()[row];
    const bool split = static_cast<int>(running.batch.rows.size()) < count() &&
                       request.logits.vocab_size() >= kSplitVocabSize;
    if (!split) return SampleRow(kernels_, request, scratch_[worker], RunInOrder, result);
    const bool wake = request.logits.vocab_size() >= kWakeVocabSize ||
                      instruction_set == InstructionSet::kPortable;
    SampleRow(
        kernels_, request, scratch_[worker],
        [&](int items, absl::FunctionRef<void(int)> body) {
          Job part(items, [body](int, int item) { body(item); });
          pool_.RunWithin(worker, part, wake);
        },
        result);
  }

  const Kernels& kernels_;
  std::vector<RowScratch> scratch_;  // one a worker
  WorkerPool pool_;                  // last, so that it stops first
};

Engine::Engine(const EngineOptions& options)
    : workers_(std::make_unique<Workers>(WorkerCount(options), options.instruction_set)) {}

Engine::~Engine() = default;

int Engine::worker_count() const { return workers_->count(); }

InstructionSet Engine::instruction_set() const { return workers_->instruction_set; }

void Engine::Start(Batch& batch, Done done) {
  batch.results = Results(batch.rows);
  if (batch.rows.empty()) return done(absl::OkStatus());
  workers_->Start(batch, std::move(done));
}

absl::Status Engine::Sample(Batch& batch) {
  Mutex mutex;
  Condition ended;
  std::optional<absl::Status> status;
  Start(batch, [&](absl::Status result) {
    MutexLock lock(mutex);
    status = std::move(result);
    ended.NotifyOne();
  });
  MutexLock lock(mutex);
  while (!status.has_value()) ended.Wait(mutex);
  return *std::move(status);
}

}  // namespace boltzmann::core
