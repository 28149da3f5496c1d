#include "client/shared_region.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "tests/client/fake_server.h"
#include "tests/temporary_directory.h"
#include "tests/client/tracked.h"

namespace boltzmann::client {
namespace {

using test::AnswerGreedily;
using test::FakeServer;
using test::HoldsEventually;
using test::TemporaryDirectory;
using ::testing::HasSubstr;

// A server that takes regions of `directory()`, and a client of it.
class SharedRegions : public testing::Test {
 protected:
  SharedRegions() { server_.regions().ServeFrom(directory_.path()); }

  std::unique_ptr<SharedRegion> RegionOf(size_t size, absl::Duration lease = absl::Hours(1)) {
    auto region = SharedRegion::Create(
        client_, {.directory = directory_.path(), .size_bytes = size, .lease = lease});
    EXPECT_TRUE(region.ok()) << region.status();
    return *std::move(region);
  }

  int region_count() const { return client_.ListRegions()->regions_size(); }

  const TemporaryDirectory directory_;
  FakeServer server_{AnswerGreedily};
  const Client client_ = *Client::Create({.target = server_.address()});
};

TEST_F(SharedRegions, ShareWhatIsWritten) {
  const auto region = RegionOf(1000);
  ASSERT_EQ(region->bytes().size(), 1000u);
  std::memcpy(&region->bytes()[900], "logits", 6);
  EXPECT_EQ(region->At(900).offset_bytes(), 900u);
  EXPECT_EQ(server_.regions().Read(region->At(900), 6), "logits");
  EXPECT_TRUE(region->status().ok());
}

TEST_F(SharedRegions, AreRegisteredAsTheOptionsSay) {
  const auto region = SharedRegion::Create(client_, {.directory = directory_.path(),
                                                     .size_bytes = 5000,
                                                     .lease = absl::Milliseconds(90'500),
                                                     .mode = 0644});
  ASSERT_EQ(server_.regions().registrations().size(), 1u);
  const auto registration = server_.regions().registrations()[0];
  EXPECT_EQ(registration.request.size_bytes(), 5000u);
  EXPECT_EQ(registration.request.lease().seconds(), 90);
  EXPECT_EQ(registration.request.lease().nanos(), 500'000'000);
  EXPECT_EQ(registration.file.st_mode & 0777, 0644u);
  EXPECT_EQ(registration.file.st_nlink, 1u);
  EXPECT_GE(registration.file.st_blocks * 512, 5000);
}

TEST_F(SharedRegions, LeaveNoFileOnceTheyAreRegistered) {
  auto region = RegionOf(1000);
  EXPECT_EQ(directory_.file_count(), 0);
  EXPECT_EQ(region_count(), 1);
  region.reset();
  EXPECT_EQ(region_count(), 0);
}

TEST_F(SharedRegions, MayBeSeveral) {
  const auto first = RegionOf(1000);
  const auto second = RegionOf(1000);
  first->bytes()[0] = std::byte{'1'};
  second->bytes()[0] = std::byte{'2'};
  EXPECT_EQ(region_count(), 2);
  EXPECT_EQ(server_.regions().Read(first->At(0), 1), "1");
  EXPECT_EQ(server_.regions().Read(second->At(0), 1), "2");
}

TEST_F(SharedRegions, AreRenewedForAsLongAsTheyLive) {
  auto region = RegionOf(1, absl::Milliseconds(30));
  EXPECT_TRUE(HoldsEventually([this] { return server_.regions().renewals() >= 3; }));
  EXPECT_TRUE(region->status().ok());
  region.reset();
  const int renewals = server_.regions().renewals();
  absl::SleepFor(absl::Milliseconds(50));
  EXPECT_EQ(server_.regions().renewals(), renewals);
}

TEST_F(SharedRegions, SayThatTheServerHasForgottenThem) {
  const auto region = RegionOf(1, absl::Milliseconds(30));
  server_.regions().ForgetAll();
  EXPECT_TRUE(HoldsEventually([&] { return absl::IsNotFound(region->status()); }));
}

TEST_F(SharedRegions, CanBeRegisteredAnewWithTheirContentAtTheirAddresses) {
  const auto region = RegionOf(9000);
  const std::byte* const address = region->bytes().data();
  std::memcpy(&region->bytes()[8000], "logits", 6);
  server_.regions().ForgetAll();
  EXPECT_EQ(server_.regions().Read(region->At(8000), 6), "");
  ASSERT_TRUE(region->Reregister().ok());
  EXPECT_EQ(region->bytes().data(), address);
  EXPECT_EQ(server_.regions().Read(region->At(8000), 6), "logits");
  std::memcpy(&region->bytes()[8000], "others", 6);
  EXPECT_EQ(server_.regions().Read(region->At(8000), 6), "others");
  EXPECT_EQ(directory_.file_count(), 0);
}

TEST_F(SharedRegions, AreOkOnceTheyAreRegisteredAnew) {
  const auto region = RegionOf(1, absl::Milliseconds(30));
  server_.regions().ForgetAll();
  ASSERT_TRUE(HoldsEventually([&] { return !region->status().ok(); }));
  ASSERT_TRUE(region->Reregister().ok());
  const int renewals = server_.regions().renewals();
  ASSERT_TRUE(HoldsEventually([&] { return server_.regions().renewals() > renewals + 2; }));
  EXPECT_TRUE(region->status().ok());
  EXPECT_EQ(region_count(), 1);
}

TEST_F(SharedRegions, StayAsTheyAreWhenTheyCannotBeRegisteredAnew) {
  const auto region = RegionOf(10);
  const std::string id = region->At(0).region_id();
  server_.regions().ServeFrom("/no/such/directory");
  EXPECT_EQ(region->Reregister().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(region->At(0).region_id(), id);
  EXPECT_EQ(region_count(), 1);
  EXPECT_EQ(directory_.file_count(), 0);
}

TEST_F(SharedRegions, AreRefusedOutsideTheRangesOfTheOptions) {
  const std::string path = directory_.path();
  for (const RegionOptions& options :
       {RegionOptions{.directory = "", .size_bytes = 1},
        {.directory = path, .size_bytes = 0},
        {.directory = path, .size_bytes = 1, .lease = absl::ZeroDuration()},
        {.directory = path, .size_bytes = 1, .lease = absl::InfiniteDuration()}}) {
    EXPECT_EQ(SharedRegion::Create(client_, options).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(SharedRegions, LeaveNoFileWhenTheServerRefusesThem) {
  server_.regions().ServeFrom("/no/such/directory");
  const auto region =
      SharedRegion::Create(client_, {.directory = directory_.path(), .size_bytes = 1});
  EXPECT_EQ(region.status(), absl::FailedPreconditionError("the file cannot be shared"));
  EXPECT_EQ(directory_.file_count(), 0);
}

}  // namespace
}  // namespace boltzmann::client
