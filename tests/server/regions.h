// A server that takes shared memory, and callers who share some.
#ifndef BOLTZMANN_TESTS_SERVER_REGIONS_H_
#define BOLTZMANN_TESTS_SERVER_REGIONS_H_

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "boltzmann/v1/sampler.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "tests/server/heavy.h"
#include "tests/temporary_directory.h"

namespace boltzmann::test {

inline constexpr int kVocabSize = 40000;
inline constexpr size_t kRowBytes = kVocabSize * sizeof(float);

// A file of `size` bytes, mapped for writing as a caller maps it.
class SharedFile {
 public:
  SharedFile(const std::string& path, size_t size) : size_(size) {
    file_ = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
    EXPECT_GE(file_, 0) << path;
    Fill();
    data_ = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0);
    EXPECT_NE(data_, MAP_FAILED);
  }
  ~SharedFile() {
    munmap(data_, size_);
    close(file_);
  }

  char* data() const { return static_cast<char*>(data_); }
  // Gives it all its bytes.
  void Fill() const { EXPECT_EQ(posix_fallocate(file_, 0, static_cast<off_t>(size_)), 0); }
  void Truncate(size_t size) const { EXPECT_EQ(ftruncate(file_, static_cast<off_t>(size)), 0); }

 private:
  size_t size_;
  int file_;
  void* data_;
};

// The mappings of this process that are of files below `path`.
inline size_t CountMappings(const std::string& path) {
  std::ifstream maps("/proc/self/maps");
  size_t count = 0;
  for (std::string line; std::getline(maps, line);) count += absl::StrContains(line, path);
  return count;
}

class SharedMemory : public testing::Test {
 protected:
  SharedMemory() {
    server::ServerOptions options;
    options.shared_memory.directory = directory_.path();
    options.shared_memory.max_regions = 16;
    options.worker_count = 2;
    Start(options);
  }

  void Start(const server::ServerOptions& options) {
    server_ = StartServer(options);
    channel_ =
        grpc::CreateChannel(server_->addresses().front(), grpc::InsecureChannelCredentials());
    sampler_ = v1::SamplerService::NewStub(channel_);
    regions_ = v1::RegionService::NewStub(channel_);
  }

  grpc::Status Register(const v1::RegisterRegionRequest& request, v1::Region* region = nullptr,
                        const std::string& caller = "") {
    grpc::ClientContext context;
    if (!caller.empty()) context.AddMetadata("boltzmann-caller", caller);
    v1::RegisterRegionResponse response;
    const grpc::Status status = regions_->RegisterRegion(&context, request, &response);
    if (region != nullptr) *region = response.region();
    return status;
  }

  grpc::Status Register(const std::string& name, size_t size, v1::Region* region = nullptr) {
    v1::RegisterRegionRequest request;
    request.set_file_name(name);
    request.set_size_bytes(size);
    return Register(request, region);
  }

  // The id of a file that must be registered.
  std::string Registered(const std::string& name, size_t size) {
    v1::Region region;
    const grpc::Status status = Register(name, size, &region);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return region.region_id();
  }

  grpc::Status Unregister(const std::string& id) {
    grpc::ClientContext context;
    v1::UnregisterRegionRequest request;
    v1::UnregisterRegionResponse response;
    request.set_region_id(id);
    return regions_->UnregisterRegion(&context, request, &response);
  }

  grpc::Status Renew(const std::string& id) {
    grpc::ClientContext context;
    v1::RenewRegionRequest request;
    v1::RenewRegionResponse response;
    request.set_region_id(id);
    return regions_->RenewRegion(&context, request, &response);
  }

  size_t CountOwn(const std::string& caller = "") {
    grpc::ClientContext context;
    if (!caller.empty()) context.AddMetadata("boltzmann-caller", caller);
    v1::ListRegionsResponse response;
    EXPECT_TRUE(regions_->ListRegions(&context, v1::ListRegionsRequest(), &response).ok());
    return response.regions_size();
  }

  grpc::Status Sample(const v1::SampleRequest& request, v1::SampleResponse* response = nullptr) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
    v1::SampleResponse own;
    return sampler_->Sample(&context, request, response == nullptr ? &own : response);
  }

  // `rows` rows of the region, from `offset` on.
  static v1::SampleRequest RequestOf(const std::string& id, int rows = 1, uint64_t offset = 0) {
    v1::SampleRequest request;
    auto& logits = *request.mutable_logits();
    logits.set_data_type(v1::DATA_TYPE_FLOAT32);
    logits.set_vocab_size(kVocabSize);
    logits.set_row_count(rows);
    logits.mutable_shared_rows()->set_region_id(id);
    logits.mutable_shared_rows()->set_offset_bytes(offset);
    for (int i = 0; i < rows; ++i) request.add_rows()->set_seed(i);
    request.add_params()->set_top_p(.95);
    return request;
  }

  void ExpectStillServing() { EXPECT_TRUE(CallUntil(*sampler_, grpc::OK).ok()); }

  TemporaryDirectory directory_;
  std::unique_ptr<server::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::SamplerService::Stub> sampler_;
  std::unique_ptr<v1::RegionService::Stub> regions_;
};

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_SERVER_REGIONS_H_
