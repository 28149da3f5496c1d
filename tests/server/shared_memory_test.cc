// Regions of shared memory: rows that are not sent.
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <string>

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

TEST_F(SharedMemory, RowsAreAnsweredAsIfTheyHadBeenSent) {
  for (const v1::DataType type :
       {v1::DATA_TYPE_FLOAT32, v1::DATA_TYPE_FLOAT16, v1::DATA_TYPE_BFLOAT16}) {
    v1::SampleRequest inline_request = MixedRequest(5, 999, type, 7);
    const std::string bytes = inline_request.logits().inline_data();
    constexpr size_t kOffset = 4097;  // not even aligned
    const std::string name = absl::StrCat("rows", type);
    const SharedFile file(directory_.Of(name), kOffset + bytes.size());
    std::memcpy(file.data() + kOffset, bytes.data(), bytes.size());
    v1::SampleRequest shared = inline_request;
    auto& rows = *shared.mutable_logits()->mutable_shared_rows();
    rows.set_region_id(Registered(name, kOffset + bytes.size()));
    rows.set_offset_bytes(kOffset);
    v1::SampleResponse expected;
    v1::SampleResponse response;
    ASSERT_TRUE(Sample(inline_request, &expected).ok());
    const grpc::Status status = Sample(shared, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.SerializeAsString(), expected.SerializeAsString());
  }
}

TEST_F(SharedMemory, RowsMayLieApart) {
  const SharedFile file(directory_.Of("file"), 4 * kRowBytes);
  for (int row = 0; row < 2; ++row) {
    reinterpret_cast<float*>(file.data() + 2 * row * kRowBytes)[10 + row] = 100;
  }
  v1::SampleRequest request = RequestOf(Registered("file", 4 * kRowBytes), 2);
  request.mutable_logits()->set_row_stride_bytes(2 * kRowBytes);
  v1::SampleResponse response;
  ASSERT_TRUE(Sample(request, &response).ok());
  EXPECT_EQ(response.results(0).drawn().token_ids(0), 10);
  EXPECT_EQ(response.results(1).drawn().token_ids(0), 11);
}

TEST_F(SharedMemory, AnUnregisteredRegionIsGoneForItsCallerAndForTheSystem) {
  const SharedFile file(directory_.Of("file"), kRowBytes);
  const size_t mapped = CountMappings(directory_.path());
  const std::string id = Registered("file", kRowBytes);
  EXPECT_EQ(CountOwn(), 1);
  EXPECT_EQ(CountMappings(directory_.path()), mapped + 1);
  EXPECT_TRUE(Sample(RequestOf(id)).ok());
  EXPECT_TRUE(Unregister(id).ok());
  EXPECT_EQ(CountOwn(), 0);
  EXPECT_EQ(Sample(RequestOf(id)).error_code(), grpc::NOT_FOUND);
  EXPECT_EQ(Renew(id).error_code(), grpc::NOT_FOUND);
  EXPECT_EQ(Unregister(id).error_code(), grpc::NOT_FOUND);
  // The call that read it may be on its way out still.
  for (int i = 0; i < 1000 && CountMappings(directory_.path()) > mapped; ++i) usleep(1000);
  EXPECT_EQ(CountMappings(directory_.path()), mapped);
}

TEST_F(SharedMemory, IdsAreLongAndNoTwoAreAlike) {
  const SharedFile file(directory_.Of("file"), kRowBytes);
  const std::string first = Registered("file", kRowBytes);
  EXPECT_EQ(first.size(), 16);
  EXPECT_NE(Registered("file", kRowBytes), first);
}

TEST_F(SharedMemory, CallersSeeTheirOwnRegionsOnly) {
  const SharedFile file(directory_.Of("file"), kRowBytes);
  v1::RegisterRegionRequest request;
  request.set_file_name("file");
  request.set_size_bytes(kRowBytes);
  EXPECT_TRUE(Register(request, nullptr, "one").ok());
  EXPECT_EQ(CountOwn("one"), 1);
  EXPECT_EQ(CountOwn("other"), 0);
  EXPECT_EQ(CountOwn(), 0);
}

TEST_F(SharedMemory, ALeaseRunsOutUnlessTheRegionIsUsedOrRenewed) {
  const SharedFile file(directory_.Of("file"), kRowBytes);
  v1::RegisterRegionRequest request;
  request.set_file_name("file");
  request.set_size_bytes(kRowBytes);
  request.mutable_lease()->set_seconds(1);
  v1::Region used;
  v1::Region renewed;
  v1::Region left;
  for (v1::Region* region : {&used, &renewed, &left}) ASSERT_TRUE(Register(request, region).ok());
  EXPECT_EQ(left.lease().seconds(), 1);
  const auto end = steady_clock::now() + std::chrono::milliseconds(1500);
  while (steady_clock::now() < end) {
    EXPECT_TRUE(Sample(RequestOf(used.region_id())).ok());
    EXPECT_TRUE(Renew(renewed.region_id()).ok());
    usleep(50000);
  }
  EXPECT_EQ(Renew(left.region_id()).error_code(), grpc::NOT_FOUND);
  EXPECT_EQ(Sample(RequestOf(left.region_id())).error_code(), grpc::NOT_FOUND);
  EXPECT_TRUE(Renew(used.region_id()).ok());
}

TEST_F(SharedMemory, IsOffUnlessItsDirectoryIsNamed) {
  Start({});
  EXPECT_EQ(Register("file", 1).error_code(), grpc::FAILED_PRECONDITION);
  const grpc::Status status = Sample(RequestOf("0123456789abcdef"));
  EXPECT_EQ(status.error_code(), grpc::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("start it with --shared_memory_dir"));
}

TEST(SharedMemoryDirectory, MustBeOneThatOthersCannotReplaceFilesIn) {
  const TemporaryDirectory directory;
  const auto start = [](const std::string& path) {
    server::ServerOptions options;
    options.listen = {"127.0.0.1:0"};
    options.shared_memory.directory = path;
    return std::string(server::Server::Start(options).status().message());
  };
  EXPECT_EQ(start(directory.path()), "");
  EXPECT_THAT(start(directory.Of("none/none")), HasSubstr("cannot be opened as a directory"));
  ASSERT_EQ(symlink(directory.path().c_str(), directory.Of("link").c_str()), 0);
  EXPECT_THAT(start(directory.Of("link")), HasSubstr("cannot be opened as a directory"));
  ASSERT_EQ(chmod(directory.path().c_str(), 0777), 0);
  EXPECT_THAT(start(directory.path()), HasSubstr("set its sticky bit"));
  ASSERT_EQ(chmod(directory.path().c_str(), 01777), 0);
  EXPECT_EQ(start(directory.path()), "");
}

TEST(SharedMemoryDirectory, IsMadeForTheServersUserAloneIfItIsMissing) {
  const TemporaryDirectory directory;
  server::ServerOptions options;
  options.shared_memory.directory = directory.Of("new");
  const auto server = StartServer(options);
  struct stat made;
  ASSERT_EQ(stat(directory.Of("new").c_str(), &made), 0);
  EXPECT_EQ(made.st_mode, S_IFDIR | 0700u);
}

TEST_F(SharedMemory, ARegionThatIsUnregisteredWhileItIsReadIsReadToItsEnd) {
  const SharedFile file(directory_.Of("file"), 8 * kRowBytes);
  const std::string id = Registered("file", 8 * kRowBytes);
  v1::SampleRequest request = RequestOf(id, 8);
  request.add_outputs()->set_logprobs(v1::LOGPROB_MODE_NONE);
  for (auto& row : *request.mutable_rows()) row.set_draw_count(2000);
  for (int i = 0; i < 20 && CountOwn() > 0; ++i) {
    RunningCall call = StartCall(*sampler_, request);
    usleep(2000);
    EXPECT_TRUE(Unregister(id).ok());
    EXPECT_THAT(call.status.get().error_code(), AnyOf(Eq(grpc::OK), Eq(grpc::NOT_FOUND)));
  }
  ExpectStillServing();
}

}  // namespace
}  // namespace boltzmann::test
