// The multithreaded sampler.
#ifndef BOLTZMANN_CORE_ENGINE_H_
#define BOLTZMANN_CORE_ENGINE_H_

#include <chrono>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "core/batch.h"
#include "core/instruction_set.h"

namespace boltzmann::core {

struct EngineOptions {
  // Threads that compute. 0 means one for each processor that this process may
  // use. Raise it never; lower it to leave processors to the inference server.
  int worker_count = 0;

  // What rows are computed with: one of SupportedInstructionSets(). All give the same
  // results; another than the fastest is for tests and comparisons.
  InstructionSet instruction_set = SupportedInstructionSets().front();

  // How long a worker without work stays awake, since waking takes longer than a row does. Raise it
  // where the next batch comes soon and processors are to spare.
  std::chrono::microseconds spin{50};
};

// Samples batches on a fixed pool of workers. The rows of a batch are shared out
// over the workers; where a batch has fewer rows than there are workers, so are the
// blocks of a large row. Results depend on none of it.
//
// A small batch is sampled by the thread that starts it, in a worker's place, if a worker is idle:
// handing it over would take longer.
//
// Thread-safe: any thread may start batches. Batches are begun in the order in
// which they were started.
class Engine {
 public:
  // Called once, on a worker or the thread that starts the batch, when it has ended: OK if every
  // row has its result, DEADLINE_EXCEEDED or CANCELLED if rows were dropped. Must not block.
  using Done = std::function<void(absl::Status)>;

  explicit Engine(const EngineOptions& options = {});

  // Waits for the batches that were started.
  ~Engine();

  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  int worker_count() const;

  InstructionSet instruction_set() const;

  // How long workers have been at work, added up: two that work for a second make two seconds.
  std::chrono::nanoseconds busy_time() const;

  // Starts sampling and returns; of a batch of fewer than kSmallBatch logits maybe once it is
  // sampled. Allocates room for the results; after that
  // nothing is allocated for a row once the workers have met its like.
  // REQUIRES: every row is valid, by Validate; `batch` outlives the call of `done`.
  void Start(Batch& batch, Done done);

  // Some 50 us of work on one processor, as long as it takes to wake one.
  static constexpr int64_t kSmallBatch = 1 << 18;

  // Samples and waits. Must not be called from `done`.
  absl::Status Sample(Batch& batch);

 private:
  class Workers;
  std::unique_ptr<Workers> workers_;
};

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_ENGINE_H_
