// Callers who abuse shared memory: nobody but they are harmed.
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/requests.h"
#include "tests/server/regions.h"

namespace boltzmann::test {
namespace {

using std::chrono::steady_clock;
using testing::AnyOf;
using testing::Eq;
using testing::HasSubstr;
using testing::Not;

size_t CountEntries(const char* directory) {
  size_t count = 0;
  DIR* entries = opendir(directory);
  while (readdir(entries) != nullptr) ++count;
  closedir(entries);
  return count;
}

using HostileRegions = SharedMemory;

TEST_F(HostileRegions, NamesThatAreNoFilesAreRefused) {
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("/etc/passwd"),
        std::string("../file"), std::string("a/b"), std::string("a\0b", 3),
        std::string(256, 'x')}) {
    const grpc::Status status = Register(name, 1);
    EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT) << name;
    EXPECT_THAT(status.error_message(), HasSubstr("file_name: is no file's name"));
  }
}

TEST_F(HostileRegions, SizesAndLeasesOutOfRangeAreRefusedTogether) {
  v1::RegisterRegionRequest request;
  request.set_file_name("file");
  for (const int64_t seconds : {int64_t{0}, int64_t{601}, int64_t{-1}, INT64_MAX, INT64_MIN}) {
    request.mutable_lease()->set_seconds(seconds);
    for (const uint64_t size : {uint64_t{0}, (uint64_t{1} << 30) + 1, ~uint64_t{0}}) {
      request.set_size_bytes(size);
      const grpc::Status status = Register(request);
      EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
      EXPECT_THAT(status.error_message(), HasSubstr("size_bytes: "));
      EXPECT_THAT(status.error_message(), HasSubstr("lease: "));
    }
  }
}

// The callers' errors must not tell them what is on the host.
TEST_F(HostileRegions, FilesThatCannotBeSharedAreRefusedAllAlike) {
  const SharedFile file(directory_.Of("file"), kRowBytes);
  ASSERT_EQ(symlink(directory_.Of("file").c_str(), directory_.Of("symlink").c_str()), 0);
  ASSERT_EQ(symlink("/etc/passwd", directory_.Of("elsewhere").c_str()), 0);
  ASSERT_EQ(mkdir(directory_.Of("directory").c_str(), 0700), 0);
  ASSERT_EQ(mkfifo(directory_.Of("pipe").c_str(), 0600), 0);
  const SharedFile linked(directory_.Of("linked"), kRowBytes);
  ASSERT_EQ(link(directory_.Of("linked").c_str(), directory_.Of("hard_link").c_str()), 0);
  std::ofstream(directory_.Of("small")) << "x";
  std::ofstream(directory_.Of("holes"));
  ASSERT_EQ(truncate(directory_.Of("holes").c_str(), kRowBytes), 0);
  std::vector<std::string> names = {"missing", "symlink",   "elsewhere", "directory", "pipe",
                                    "linked",  "hard_link", "small",     "holes"};
  if (geteuid() == 0) {  // or nobody can give files away
    const SharedFile foreign(directory_.Of("foreign"), kRowBytes);
    ASSERT_EQ(chown(directory_.Of("foreign").c_str(), 12345, 12345), 0);
    names.push_back("foreign");
  }
  const std::string message = Register("missing", kRowBytes).error_message();
  EXPECT_THAT(message, HasSubstr("file_name: this file cannot be shared"));
  EXPECT_THAT(message, Not(HasSubstr(directory_.path())));
  for (const std::string& name : names) {
    const grpc::Status status = Register(name, kRowBytes);
    EXPECT_EQ(status.error_code(), grpc::FAILED_PRECONDITION) << name;
    EXPECT_EQ(status.error_message(), message) << name;
  }
  EXPECT_TRUE(Register("file", kRowBytes).ok());
}

TEST_F(HostileRegions, RowsBeyondTheRegionAreRefusedHoweverTheirPlaceIsPut) {
  const SharedFile file(directory_.Of("file"), 2 * kRowBytes);
  const std::string id = Registered("file", 2 * kRowBytes);
  EXPECT_TRUE(Sample(RequestOf(id, 2)).ok());
  EXPECT_TRUE(Sample(RequestOf(id, 1, kRowBytes)).ok());
  const auto expect_refused = [&](const v1::SampleRequest& request) {
    const grpc::Status status = Sample(request);
    EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr("logits.shared_rows.offset_bytes: "));
  };
  expect_refused(RequestOf(id, 3));
  for (const uint64_t offset :
       {uint64_t{kRowBytes} + 1, uint64_t{2 * kRowBytes}, uint64_t{1} << 63, ~uint64_t{0},
        ~uint64_t{0} - kRowBytes + 1, ~uint64_t{0} - 2 * kRowBytes}) {
    expect_refused(RequestOf(id, 1, offset));
  }
  for (const uint64_t stride : {uint64_t{kRowBytes} + 1, uint64_t{1} << 63, ~uint64_t{0}}) {
    v1::SampleRequest request = RequestOf(id, 2);
    request.mutable_logits()->set_row_stride_bytes(stride);
    expect_refused(request);
    request.mutable_logits()->mutable_shared_rows()->set_offset_bytes(~stride);
    expect_refused(request);
  }
}

TEST_F(HostileRegions, IdsThatAreNoneAreNotFound) {
  for (const std::string& id : {std::string(), std::string(16, 'x'), std::string(100000, 'x')}) {
    EXPECT_EQ(Sample(RequestOf(id)).error_code(), grpc::NOT_FOUND);
    EXPECT_EQ(Renew(id).error_code(), grpc::NOT_FOUND);
  }
}

TEST_F(HostileRegions, AFileThatWasTruncatedIsRefused) {
  const SharedFile file(directory_.Of("file"), 4 * kRowBytes);
  const std::string id = Registered("file", 4 * kRowBytes);
  file.Truncate(kRowBytes);
  const grpc::Status status = Sample(RequestOf(id, 4));
  EXPECT_EQ(status.error_code(), grpc::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("has become smaller than the region"));
  ExpectStillServing();
}

// Calls on a region whose file somebody changes all the time, by `change`, beside a caller who
// sends good rows; the latter's answers must be right.
class Tampering {
 public:
  explicit Tampering(std::function<void(int)> change)
      : thread_([this, change = std::move(change)] {
          for (int i = 0; !stop_; ++i) change(i);
        }) {}
  ~Tampering() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

constexpr int kTamperedCalls = 400;

TEST_F(HostileRegions, AFileThatShrinksAndGrowsAllTheTimeHarmsNobodyElse) {
  const SharedFile file(directory_.Of("file"), 4 * kRowBytes);
  const v1::SampleRequest good = MixedRequest(4, 1000, v1::DATA_TYPE_FLOAT32, 7);
  v1::SampleResponse expected;
  ASSERT_TRUE(Sample(good, &expected).ok());
  const Tampering tampering([&](int i) {
    file.Truncate(i % 2 == 0 ? i % 5 * 4096 : 4 * kRowBytes);
    if (i % 2 == 1) file.Fill();
  });
  for (int i = 0; i < kTamperedCalls; ++i) {
    v1::Region region;
    if (Register("file", 4 * kRowBytes, &region).ok()) {  // else it has holes just now
      EXPECT_THAT(Sample(RequestOf(region.region_id(), 4)).error_code(),
                  AnyOf(Eq(grpc::OK), Eq(grpc::FAILED_PRECONDITION)));
      EXPECT_TRUE(Unregister(region.region_id()).ok());
    }
    v1::SampleResponse response;
    ASSERT_TRUE(Sample(good, &response).ok());
    EXPECT_EQ(response.SerializeAsString(), expected.SerializeAsString());
  }
  ExpectStillServing();
}

TEST_F(HostileRegions, ReadingWhatIsTakenAwayMeanwhileIsRefusedAndHarmsNobodyElse) {
  const v1::SampleRequest good = MixedRequest(4, 1000, v1::DATA_TYPE_FLOAT32, 7);
  v1::SampleResponse expected;
  ASSERT_TRUE(Sample(good, &expected).ok());
  int refused = 0;
  for (int i = 0; i < kTamperedCalls / 10; ++i) {
    const std::string name = absl::StrCat("file", i);
    const SharedFile file(directory_.Of(name), 64 * kRowBytes);
    const std::string id = Registered(name, 64 * kRowBytes);
    std::thread truncating([&] {
      usleep(100 + i * 25);
      file.Truncate(0);
    });
    const grpc::StatusCode code = Sample(RequestOf(id, 64)).error_code();
    EXPECT_THAT(code, AnyOf(Eq(grpc::OK), Eq(grpc::FAILED_PRECONDITION)));
    refused += code != grpc::OK;
    v1::SampleResponse response;
    ASSERT_TRUE(Sample(good, &response).ok());
    EXPECT_EQ(response.SerializeAsString(), expected.SerializeAsString());
    truncating.join();
    EXPECT_TRUE(Unregister(id).ok());
    unlink(directory_.Of(name).c_str());
  }
  EXPECT_GT(refused, 0);
  ExpectStillServing();
}

TEST_F(HostileRegions, RewritingRowsWhileTheyAreReadHarmsNobodyElse) {
  const SharedFile file(directory_.Of("file"), 4 * kRowBytes);
  const std::string id = Registered("file", 4 * kRowBytes);
  const v1::SampleRequest good = MixedRequest(4, 1000, v1::DATA_TYPE_FLOAT32, 7);
  v1::SampleResponse expected;
  ASSERT_TRUE(Sample(good, &expected).ok());
  const Tampering tampering([&](int i) {
    auto* logits = reinterpret_cast<float*>(file.data());
    const float value = i % 3 == 0 ? NAN : i % 3 == 1 ? 1e30f : -static_cast<float>(i % 7);
    for (int token = i % 64; token < 4 * kVocabSize; token += 64) logits[token] = value;
  });
  for (int i = 0; i < kTamperedCalls; ++i) {
    v1::SampleRequest request = RequestOf(id, 4);
    auto& params = *request.mutable_params(0);
    if (i % 2 == 0) params.set_typical_p(.9);
    if (i % 3 == 0) params.set_top_k(1000);
    v1::SampleResponse response;
    ASSERT_TRUE(Sample(request, &response).ok());
    for (const v1::RowResult& row : response.results()) {
      ASSERT_GE(row.drawn().token_ids(0), -1);
      ASSERT_LT(row.drawn().token_ids(0), kVocabSize);
    }
    ASSERT_TRUE(Sample(good, &response).ok());
    EXPECT_EQ(response.SerializeAsString(), expected.SerializeAsString());
  }
}

TEST_F(HostileRegions, TenThousandRegistrationsTakeNoMoreThanTheirLimit) {
  const SharedFile file(directory_.Of("file"), kRowBytes);
  EXPECT_EQ(CountOwn(), 0);  // which connects
  const size_t files = CountEntries("/proc/self/fd");
  std::vector<std::string> ids;
  for (int i = 0; i < 10000; ++i) {
    v1::Region region;
    const grpc::Status status = Register("file", kRowBytes, &region);
    if (status.ok()) ids.push_back(region.region_id());
    ASSERT_THAT(status.error_code(), AnyOf(Eq(grpc::OK), Eq(grpc::RESOURCE_EXHAUSTED)));
  }
  EXPECT_EQ(ids.size(), 8);  // half of the limit
  EXPECT_EQ(CountEntries("/proc/self/fd"), files + ids.size());
  v1::RegisterRegionRequest request;
  request.set_file_name("file");
  request.set_size_bytes(kRowBytes);
  EXPECT_TRUE(Register(request, nullptr, "somebody else").ok());
  for (const std::string& id : ids) EXPECT_TRUE(Unregister(id).ok());
  EXPECT_EQ(CountEntries("/proc/self/fd"), files + 1);
}

TEST_F(HostileRegions, WhatADeadCallerLeavesBehindGoesAwayWithItsLease) {
  const SharedFile file(directory_.Of("file"), kRowBytes);
  const size_t mapped = CountMappings(directory_.path());
  v1::RegisterRegionRequest request;
  request.set_file_name("file");
  request.set_size_bytes(kRowBytes);
  request.mutable_lease()->set_seconds(1);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(Register(request).ok());
  EXPECT_EQ(CountMappings(directory_.path()), mapped + 8);
  const auto end = steady_clock::now() + std::chrono::seconds(30);
  while (CountMappings(directory_.path()) > mapped && steady_clock::now() < end) usleep(10000);
  EXPECT_EQ(CountMappings(directory_.path()), mapped);
}

}  // namespace
}  // namespace boltzmann::test
