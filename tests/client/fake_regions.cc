#include "tests/client/fake_regions.h"

#include <fcntl.h>
#include <unistd.h>

namespace boltzmann::test {
namespace {

grpc::Status NoSuchRegion() { return {grpc::NOT_FOUND, "region_id: there is no such region"}; }

}  // namespace

grpc::Status FakeRegions::RegisterRegion(grpc::ServerContext*,
                                         const v1::RegisterRegionRequest* request,
                                         v1::RegisterRegionResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  const int descriptor = open((directory_ + "/" + request->file_name()).c_str(), O_RDONLY);
  if (descriptor < 0) return {grpc::FAILED_PRECONDITION, "the file cannot be shared"};
  Registration registration{*request, {}};
  fstat(descriptor, &registration.file);
  registrations_.push_back(registration);
  v1::Region& region = *response->mutable_region();
  region.set_region_id("region " + std::to_string(registrations_.size()));
  region.set_size_bytes(request->size_bytes());
  *region.mutable_lease() = request->lease();
  regions_[region.region_id()] = {descriptor, region};
  return grpc::Status::OK;
}

grpc::Status FakeRegions::RenewRegion(grpc::ServerContext*, const v1::RenewRegionRequest* request,
                                      v1::RenewRegionResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  ++renewals_;
  const auto found = regions_.find(request->region_id());
  if (found == regions_.end()) return NoSuchRegion();
  *response->mutable_region() = found->second.region;
  return grpc::Status::OK;
}

grpc::Status FakeRegions::UnregisterRegion(grpc::ServerContext*,
                                           const v1::UnregisterRegionRequest* request,
                                           v1::UnregisterRegionResponse*) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = regions_.find(request->region_id());
  if (found == regions_.end()) return NoSuchRegion();
  close(found->second.descriptor);
  regions_.erase(found);
  return grpc::Status::OK;
}

grpc::Status FakeRegions::ListRegions(grpc::ServerContext*, const v1::ListRegionsRequest*,
                                      v1::ListRegionsResponse* response) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [id, open] : regions_) *response->add_regions() = open.region;
  return grpc::Status::OK;
}

void FakeRegions::ForgetAll() {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [id, open] : regions_) close(open.descriptor);
  regions_.clear();
}

std::vector<FakeRegions::Registration> FakeRegions::registrations() {
  std::lock_guard<std::mutex> lock(mutex_);
  return registrations_;
}

int FakeRegions::renewals() {
  std::lock_guard<std::mutex> lock(mutex_);
  return renewals_;
}

std::string FakeRegions::Read(const v1::SharedRows& rows, size_t size) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = regions_.find(rows.region_id());
  if (found == regions_.end()) return "";
  std::string bytes(size, '\0');
  const auto offset = static_cast<off_t>(rows.offset_bytes());
  const ssize_t count = pread(found->second.descriptor, bytes.data(), size, offset);
  bytes.resize(count < 0 ? 0 : static_cast<size_t>(count));
  return bytes;
}

std::optional<v1::SampleRequest> FakeRegions::Inlined(v1::SampleRequest request) {
  v1::Logits& logits = *request.mutable_logits();
  const size_t size = sizeof(float) * logits.row_count() * logits.vocab_size();
  if (!logits.has_shared_rows()) return request;
  const std::string bytes = Read(logits.shared_rows(), size);
  if (bytes.size() != size) return std::nullopt;
  logits.set_inline_data(bytes);
  return request;
}

}  // namespace boltzmann::test
