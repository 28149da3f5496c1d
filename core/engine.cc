#include "core/engine.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/kernels.h"
#include "core/mutex.h"
#include "core/sample_row.h"
#include "core/temperature_fit.h"
#include "core/verify.h"
#include "core/worker_pool.h"

namespace boltzmann::core {
namespace {

// A row of at least this many logits is split over workers that would have no row of their
// own and are awake; of at least that many, also over those that have to be woken, which
// takes some 50 us. Plain C++ is so slow that it always pays.
constexpr int32_t kSplitVocabSize = 65536;
constexpr int32_t kWakeVocabSize = 1 << 21;

// How many logits take as long to read as one drawn, listed or past token takes.
constexpr int64_t kItem = 64;

int WorkerCount(const EngineOptions& options) {
  if (options.worker_count > 0) return options.worker_count;
  return std::max(1u, std::thread::hardware_concurrency());
}

void RunInOrder(int count, absl::FunctionRef<void(int)> body) {
  for (int i = 0; i < count; ++i) body(i);
}

// The logits and other items that a row is computed from, or into.
int64_t WorkOf(const RowRequest& row) {
  const OutputOptions& outputs = *row.outputs;
  const RowState& state = row.state;
  const uint64_t items = uint64_t{state.draw_count} + outputs.top_model_count +
                         outputs.top_sampled_count + outputs.named_token_ids.size() +
                         state.prompt_token_ids.size() + state.output_token_ids.size();
  return row.logits.vocab_size() + static_cast<int64_t>(items) * kItem;
}

// Whether the batch may take less time than it would to hand it over.
bool IsSmall(const Batch& batch) {
  if (batch.fit_temperature) return false;
  int64_t work = 0;
  for (size_t i = 0; i < batch.rows.size() && work <= Engine::kSmallBatch; ++i) {
    work += WorkOf(batch.rows[i]);
  }
  return work <= Engine::kSmallBatch;
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
  Workers(int count, const EngineOptions& options)
      : instruction_set(options.instruction_set),
        kernels_(KernelsFor(options.instruction_set)),
        scratch_(count),
        pool_(count, options.spin) {}

  const InstructionSet instruction_set;

  int count() const { return pool_.worker_count(); }
  std::chrono::nanoseconds busy_time() const { return pool_.busy_time(); }

  void Start(Batch& batch, Done done) {
    // Owns itself: it is deleted when it is done.
    auto* running = new Running(*this, batch, std::move(done));
    const bool small = instruction_set != InstructionSet::kPortable && IsSmall(batch);
    if (small && pool_.TryRun(running->job)) return;
    pool_.Start(running->job);
  }

 private:
  // A batch on its way.
  struct Running {
    Running(Workers& all_workers, Batch& sampled_batch, Done when_done)
        : workers(all_workers),
          batch(sampled_batch),
          done(std::move(when_done)),
          job(
              static_cast<int>(batch.sequences.empty() ? batch.rows.size()
                                                       : batch.sequences.size()),
              [this](int worker, int item) { workers.RunItem(worker, *this, item); },
              [this] { batch.fit_temperature ? StartFit() : Finish(); }) {}

    void StartFit() {
      fit.emplace(
          1, [this](int worker, int) { workers.RunFit(worker, *this); }, [this] { Finish(); });
      workers.pool_.Start(*fit);
    }

    // Whether the rest of the batch is to be dropped.
    bool IsDropped() {
      absl::Status dropped = Dropped(batch);
      if (dropped.ok()) return false;
      MutexLock lock(mutex);
      status.Update(dropped);
      return true;
    }

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

    Workers& workers;
    Batch& batch;
    Done done;
    Mutex mutex;
    absl::Status status ABSL_GUARDED_BY(mutex);
    Job job;
    std::optional<Job> fit;
  };

  // A row, or all rows of a sequence.
  void RunItem(int worker, Running& running, int item) {
    if (running.IsDropped()) return;
    Batch& batch = running.batch;
    const size_t row = batch.sequences.empty() ? item : batch.sequences[item].first_row;
    const int32_t vocab_size = batch.rows[row].logits.vocab_size();
    const bool split =
        static_cast<int>(batch.rows.size()) < count() && vocab_size >= kSplitVocabSize;
    if (!split) return RunItem(worker, running, item, RunInOrder);
    const bool wake = vocab_size >= kWakeVocabSize || instruction_set == InstructionSet::kPortable;
    RunItem(worker, running, item, [&](int items, absl::FunctionRef<void(int)> body) {
      Job part(items, [body](int, int part_item) { body(part_item); });
      pool_.RunWithin(worker, part, wake);
    });
  }

  void RunItem(int worker, Running& running, int item, ParallelFor parallel_for) {
    Batch& batch = running.batch;
    Results& results = batch.results;
    RowScratch& scratch = scratch_[worker];
    if (batch.sequences.empty()) {
      return SampleRow(kernels_, batch.rows[item], scratch, parallel_for, results.rows()[item]);
    }
    const DraftSequence& sequence = batch.sequences[item];
    const size_t rows = sequence.drafts.size() + 1;
    results.accepted_counts[item] = VerifySequence(
        kernels_, absl::MakeSpan(batch.rows).subspan(sequence.first_row, rows), sequence.drafts,
        scratch, parallel_for, [&running] { return running.IsDropped(); },
        results.rows().subspan(sequence.first_row, rows));
  }

  void RunFit(int worker, Running& running) {
    if (running.IsDropped()) return;
    const auto for_rows = [&](int rows, absl::FunctionRef<void(int, int)> body) {
      Job part(rows, [body](int of_worker, int row) { body(of_worker, row); });
      pool_.RunWithin(worker, part, true);
    };
    running.batch.results.temperature_fit =
        FitTemperature(kernels_, running.batch, absl::MakeSpan(scratch_), for_rows,
                       [&running] { return running.IsDropped(); });
  }

  const Kernels& kernels_;
  std::vector<RowScratch> scratch_;  // one a worker
  WorkerPool pool_;                  // last, so that it stops first
};

Engine::Engine(const EngineOptions& options)
    : workers_(std::make_unique<Workers>(WorkerCount(options), options)) {}

Engine::~Engine() = default;

int Engine::worker_count() const { return workers_->count(); }

std::chrono::nanoseconds Engine::busy_time() const { return workers_->busy_time(); }

InstructionSet Engine::instruction_set() const { return workers_->instruction_set; }

void Engine::Start(Batch& batch, Done done) {
  batch.results = Results(batch.rows);
  batch.results.accepted_counts.resize(batch.sequences.size());
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
