// Batches from start to end: cancellation, deadlines, workers.
#include "core/engine.h"

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

using core::Batch;
using core::Engine;
using core::RowStatus;
using std::chrono::steady_clock;

// A batch of equal rows. Each has a NaN, so that a row that was computed can be told from
// one that was dropped.
class NanBatch {
 public:
  explicit NanBatch(size_t rows, size_t vocab_size = 1000)
      : logits_(std::vector<float>(vocab_size, kNan)) {
    for (size_t i = 0; i < rows; ++i) {
      batch.rows.push_back({logits_.row(), &params_, &outputs_, {}});
    }
  }

  size_t ComputedRows() const {
    size_t computed = 0;
    for (const core::RowResult& r : batch.results.rows()) computed += r.status != RowStatus::kOk;
    return computed;
  }

  Batch batch;

 private:
  Encoded logits_;
  core::SamplingParams params_;
  core::OutputOptions outputs_;
};

// Rows of a batch that workers sample, not the thread that starts it.
constexpr size_t kManyRows = Engine::kSmallBatch / 1000 + 1;

class EngineOfWorkers : public testing::TestWithParam<int> {
 protected:
  Engine engine_{{.worker_count = GetParam()}};
};

TEST_P(EngineOfWorkers, SaysHowManyItHas) { EXPECT_EQ(engine_.worker_count(), GetParam()); }

TEST_P(EngineOfWorkers, ComputesEveryRowOfABatch) {
  NanBatch nan(100);
  EXPECT_TRUE(engine_.Sample(nan.batch).ok());
  EXPECT_EQ(nan.batch.results.rows().size(), 100u);
  EXPECT_EQ(nan.ComputedRows(), 100u);
}

TEST_P(EngineOfWorkers, SamplesABatchOfNoRows) {
  Batch batch;
  EXPECT_TRUE(engine_.Sample(batch).ok());
  EXPECT_TRUE(batch.results.rows().empty());
}

TEST_P(EngineOfWorkers, ComputesNoRowOfABatchThatIsCancelledAlready) {
  for (size_t rows : {1, 100}) {
    NanBatch nan(rows, 100000);
    nan.batch.cancelled = true;
    EXPECT_EQ(engine_.Sample(nan.batch).code(), absl::StatusCode::kCancelled);
    EXPECT_EQ(nan.ComputedRows(), 0u);
  }
}

TEST_P(EngineOfWorkers, ComputesNoRowOfABatchWhoseDeadlineHasPassed) {
  for (size_t rows : {1, 100}) {
    NanBatch nan(rows, 100000);
    nan.batch.deadline = steady_clock::now() - std::chrono::seconds(1);
    EXPECT_EQ(engine_.Sample(nan.batch).code(), absl::StatusCode::kDeadlineExceeded);
    EXPECT_EQ(nan.ComputedRows(), 0u);
  }
}

TEST_P(EngineOfWorkers, ComputesABatchWhoseDeadlineIsFarAway) {
  NanBatch nan(10);
  nan.batch.deadline = steady_clock::now() + std::chrono::hours(1);
  EXPECT_TRUE(engine_.Sample(nan.batch).ok());
  EXPECT_EQ(nan.ComputedRows(), 10u);
}

TEST_P(EngineOfWorkers, GoesOnAfterADroppedBatch) {
  NanBatch dropped(10), computed(10);
  dropped.batch.cancelled = true;
  EXPECT_FALSE(engine_.Sample(dropped.batch).ok());
  EXPECT_TRUE(engine_.Sample(computed.batch).ok());
  EXPECT_EQ(computed.ComputedRows(), 10u);
}

// The batch is cancelled while an earlier one, which cannot end before, keeps every worker.
TEST_P(EngineOfWorkers, DropsTheRowsOfABatchThatIsCancelledWhileItWaits) {
  std::promise<void> held;
  std::promise<absl::Status> dropped;
  NanBatch second(kManyRows);
  std::vector<std::unique_ptr<NanBatch>> holding;
  std::atomic<int> holders{0};
  const std::shared_future<void> go = held.get_future().share();
  // A done that blocks is against the contract; here it holds the worker on purpose.
  for (int i = 0; i < GetParam(); ++i) {
    holding.push_back(std::make_unique<NanBatch>(kManyRows));
    engine_.Start(holding.back()->batch, [&holders, go](absl::Status) {
      ++holders;
      go.wait();
    });
  }
  while (holders < GetParam()) std::this_thread::yield();
  engine_.Start(second.batch, [&](absl::Status status) { dropped.set_value(std::move(status)); });
  second.batch.cancelled = true;
  held.set_value();
  EXPECT_EQ(dropped.get_future().get().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(second.ComputedRows(), 0u);
}

TEST_P(EngineOfWorkers, CallsDoneOnceForEachBatchAndWaitsForAllBeforeItEnds) {
  constexpr int kBatches = 50;
  std::vector<std::unique_ptr<NanBatch>> batches;
  std::atomic<int> done{0}, ok{0};
  {
    Engine engine({.worker_count = GetParam()});
    for (int i = 0; i < kBatches; ++i) {
      batches.push_back(std::make_unique<NanBatch>(1 + i % 7));
      engine.Start(batches.back()->batch, [&](absl::Status status) {
        ++done;
        ok += status.ok();
      });
    }
  }
  EXPECT_EQ(done, kBatches);
  EXPECT_EQ(ok, kBatches);
  for (int i = 0; i < kBatches; ++i) EXPECT_EQ(batches[i]->ComputedRows(), 1u + i % 7);
}

TEST_P(EngineOfWorkers, CanStartABatchFromTheEndOfAnother) {
  NanBatch first(3), second(3);
  std::promise<absl::Status> ended;
  engine_.Start(first.batch, [&](absl::Status) {
    engine_.Start(second.batch, [&](absl::Status status) { ended.set_value(std::move(status)); });
  });
  EXPECT_TRUE(ended.get_future().get().ok());
  EXPECT_EQ(second.ComputedRows(), 3u);
}

INSTANTIATE_TEST_SUITE_P(Workers, EngineOfWorkers, testing::Values(1, 2, 4));

// The thread that a batch of this many rows ends on, started from this one.
std::thread::id EndsOn(Engine& engine, Batch& batch) {
  std::promise<std::thread::id> ended;
  engine.Start(batch, [&](const absl::Status&) { ended.set_value(std::this_thread::get_id()); });
  return ended.get_future().get();
}

TEST(Engine, SamplesASmallBatchOnTheThreadThatStartsItIfAWorkerIsIdle) {
  Engine engine({.worker_count = 1});
  if (engine.instruction_set() == core::InstructionSet::kPortable) GTEST_SKIP() << "rows are slow";
  NanBatch small(2);
  NanBatch large(kManyRows);
  EXPECT_EQ(EndsOn(engine, small.batch), std::this_thread::get_id());
  EXPECT_EQ(small.ComputedRows(), 2u);
  EXPECT_NE(EndsOn(engine, large.batch), std::this_thread::get_id());
}

TEST(Engine, LeavesASmallBatchToTheWorkersWhileTheyAreBusy) {
  Engine engine({.worker_count = 1});
  NanBatch small(1);
  std::thread::id of_small;
  std::promise<void> ended;
  NanBatch large(kManyRows);
  std::promise<void> begun;
  std::promise<void> go_on;
  engine.Start(large.batch, [&](const absl::Status&) {
    begun.set_value();
    go_on.get_future().wait();
  });
  begun.get_future().wait();
  NanBatch waiting(kManyRows);
  engine.Start(waiting.batch, [](const absl::Status&) {});
  engine.Start(small.batch, [&](const absl::Status&) {
    of_small = std::this_thread::get_id();
    ended.set_value();
  });
  go_on.set_value();
  ended.get_future().wait();
  EXPECT_NE(of_small, std::this_thread::get_id());
}

TEST(Engine, SamplesSmallBatchesFromManyThreadsOnAsManySeatsAsItHas) {
  Engine engine({.worker_count = 2});
  std::atomic<size_t> computed = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        NanBatch nan(t == 0 ? kManyRows : 1);
        EXPECT_TRUE(engine.Sample(nan.batch).ok());
        computed += nan.ComputedRows() > 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(computed, 2000u);
}

TEST(Engine, HasOneWorkerForEachProcessorUnlessTold) {
  const Engine engine;
  EXPECT_GE(engine.worker_count(), 1);
  EXPECT_LE(engine.worker_count(), static_cast<int>(std::thread::hardware_concurrency()));
}

TEST(Engine, UsesTheFastestInstructionSetUnlessToldOtherwise) {
  EXPECT_EQ(core::Engine().instruction_set(), core::SupportedInstructionSets().front());
  for (core::InstructionSet set : core::SupportedInstructionSets()) {
    EXPECT_EQ(core::Engine({.worker_count = 1, .instruction_set = set}).instruction_set(), set);
  }
}

}  // namespace
}  // namespace boltzmann::test
