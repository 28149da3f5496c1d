#include "client/shared_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/client/fake_server.h"
#include "tests/temporary_directory.h"

namespace boltzmann::client {
namespace {

using test::AnswerGreedilyFrom;
using test::FakeServer;
using test::TemporaryDirectory;

constexpr size_t kVocabSize = 10;
constexpr size_t kSlotBytes = kVocabSize * sizeof(float);

// A server that answers rows of shared memory greedily, and a client of it.
class SharedRings : public testing::Test {
 protected:
  SharedRings() { server_.regions().ServeFrom(directory_.path()); }

  std::unique_ptr<SharedRing> RingOf(size_t slots) {
    auto ring = SharedRing::Create(
        client_, {.directory = directory_.path(), .slot_count = slots, .slot_bytes = kSlotBytes});
    EXPECT_TRUE(ring.ok()) << ring.status();
    return *std::move(ring);
  }

  // Writes a row whose largest logit is that of `token`, and asks for it; -1 if that fails.
  int TokenDrawnFor(int token, const SharedRing::Slot& slot) {
    std::vector<float> logits(kVocabSize);
    logits[token] = 1;
    std::memcpy(slot.bytes().data(), logits.data(), kSlotBytes);
    v1::SampleRequest request;
    request.mutable_logits()->set_data_type(v1::DATA_TYPE_FLOAT32);
    request.mutable_logits()->set_row_count(1);
    request.mutable_logits()->set_vocab_size(kVocabSize);
    *request.mutable_logits()->mutable_shared_rows() = slot.Rows();
    const auto response = client_.Sample(request);
    return response.ok() ? response->results(0).drawn().token_ids(0) : -1;
  }

  const TemporaryDirectory directory_;
  FakeServer server_{[this](grpc::ServerContext& context, const v1::SampleRequest& request,
                            v1::SampleResponse& response) {
    return AnswerGreedilyFrom(server_.regions())(context, request, response);
  }};
  const Client client_ = *Client::Create({.target = server_.address()});
};

TEST_F(SharedRings, HandOutSlotsThatDoNotOverlap) {
  const auto ring = RingOf(3);
  std::vector<SharedRing::Slot> slots;
  for (int i = 0; i < 3; ++i) slots.push_back(*ring->TryAcquire());
  std::set<const std::byte*> starts;
  for (const SharedRing::Slot& slot : slots) {
    EXPECT_EQ(slot.bytes().size(), kSlotBytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(slot.bytes().data()) % 64, 0u);
    starts.insert(slot.bytes().data());
  }
  ASSERT_EQ(starts.size(), 3u);
  EXPECT_GE(*std::next(starts.begin()) - *starts.begin(), static_cast<ptrdiff_t>(kSlotBytes));
  EXPECT_FALSE(ring->TryAcquire().has_value());
}

TEST_F(SharedRings, HaveTheirSlotsSampledWhereTheyLie) {
  const auto ring = RingOf(2);
  const auto first = ring->Acquire(absl::ZeroDuration());
  const auto second = ring->Acquire(absl::ZeroDuration());
  EXPECT_EQ(TokenDrawnFor(7, *second), 7);
  EXPECT_EQ(TokenDrawnFor(3, *first), 3);
  EXPECT_EQ(TokenDrawnFor(4, *second), 4);
}

TEST_F(SharedRings, HandOutTheSlotThatWasGivenBackLongestAgo) {
  const auto ring = RingOf(3);
  std::vector<uint64_t> offsets;
  for (int i = 0; i < 6; ++i) offsets.push_back(ring->TryAcquire()->Rows().offset_bytes());
  EXPECT_EQ(offsets, (std::vector<uint64_t>{0, 64, 128, 0, 64, 128}));
}

TEST_F(SharedRings, WaitForASlotToBeGivenBack) {
  const auto ring = RingOf(1);
  std::optional<SharedRing::Slot> slot = ring->TryAcquire();
  std::atomic<bool> given_back = false;
  std::thread other([&] {
    absl::SleepFor(absl::Milliseconds(20));
    given_back = true;
    slot.reset();
  });
  EXPECT_TRUE(ring->Acquire(absl::Hours(1)).ok());
  EXPECT_TRUE(given_back);
  other.join();
}

TEST_F(SharedRings, GiveUpWaitingAfterTheTimeout) {
  const auto ring = RingOf(1);
  const auto slot = ring->TryAcquire();
  EXPECT_EQ(ring->Acquire(absl::Milliseconds(10)).status(),
            absl::DeadlineExceededError("all 1 slots were taken for 10ms"));
}

TEST_F(SharedRings, TakeASlotBackOnceHoweverOftenItIsMoved) {
  const auto ring = RingOf(2);
  {
    SharedRing::Slot first = *ring->TryAcquire();
    SharedRing::Slot second = *ring->TryAcquire();
    SharedRing::Slot moved = std::move(first);
    second = std::move(moved);
    EXPECT_EQ(second.Rows().offset_bytes(), 0u);
  }
  const auto first = ring->TryAcquire();
  const auto second = ring->TryAcquire();
  EXPECT_NE(first->Rows().offset_bytes(), second->Rows().offset_bytes());
  EXPECT_FALSE(ring->TryAcquire().has_value());
}

TEST_F(SharedRings, ServeManyThreads) {
  const auto ring = RingOf(2);
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int token = 0; token < 4; ++token) {
    threads.emplace_back([&, token] {
      for (int step = 0; step < 20; ++step) {
        const auto slot = ring->Acquire(absl::Hours(1));
        right += TokenDrawnFor(token, *slot) == token;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 80);
}

TEST_F(SharedRings, CanBeRegisteredAnewOnceAllSlotsAreGivenBack) {
  const auto ring = RingOf(2);
  {
    const auto slot = ring->TryAcquire();
    server_.regions().ForgetAll();
    EXPECT_EQ(TokenDrawnFor(1, *slot), -1);
    EXPECT_EQ(ring->Reregister().code(), absl::StatusCode::kFailedPrecondition);
  }
  ASSERT_TRUE(ring->Reregister().ok());
  EXPECT_TRUE(ring->status().ok());
  EXPECT_EQ(TokenDrawnFor(1, *ring->TryAcquire()), 1);
}

TEST_F(SharedRings, AreRefusedOutsideTheRangesOfTheOptions) {
  const size_t most = std::numeric_limits<size_t>::max();
  for (const auto& [count, bytes] : std::vector<std::pair<size_t, size_t>>{
           {0, 1}, {1, 0}, {1, most}, {most, 1}, {most / 64, 64}, {2, most / 4 + 1}}) {
    const auto ring = SharedRing::Create(
        client_, {.directory = directory_.path(), .slot_count = count, .slot_bytes = bytes});
    EXPECT_EQ(ring.status().code(), absl::StatusCode::kInvalidArgument) << count << " " << bytes;
  }
}

}  // namespace
}  // namespace boltzmann::client
