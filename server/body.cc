#include "server/body.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace boltzmann::server {
namespace {

const std::byte* BytesOf(const grpc::Slice& slice) {
  return reinterpret_cast<const std::byte*>(slice.begin());
}

}  // namespace

Body::Body(grpc::ByteBuffer buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Valid() || !buffer.Dump(&slices).ok()) return;
  slices_.reserve(slices.size());
  for (grpc::Slice& slice : slices) {
    if (slice.size() == 0) continue;
    begins_.push_back(size_);
    size_ += slice.size();
    slices_.push_back(std::move(slice));
  }
}

size_t Body::SliceOf(size_t position) const {
  return std::upper_bound(begins_.begin(), begins_.end(), position) - begins_.begin() - 1;
}

std::vector<core::LogitSegment> Body::Pieces(const Extent& extent) const {
  std::vector<core::LogitSegment> pieces;
  for (size_t done = 0; done < extent.size;) {
    const size_t position = extent.begin + done;
    const size_t slice = SliceOf(position);
    const size_t within = position - begins_[slice];
    pieces.push_back({BytesOf(slices_[slice]) + within, done});
    done += slices_[slice].size() - within;
  }
  return pieces;
}

const std::byte* Body::Contiguous(const Extent& extent) const {
  if (extent.size == 0) return nullptr;
  const size_t slice = SliceOf(extent.begin);
  const size_t within = extent.begin - begins_[slice];
  const bool whole = extent.size <= slices_[slice].size() - within;
  return whole ? BytesOf(slices_[slice]) + within : nullptr;
}

std::string Body::AddPayload(const Extent& extent) {
  const auto index = static_cast<uint32_t>(payloads_.size());
  payloads_.push_back(extent);
  return std::string(reinterpret_cast<const char*>(&index), sizeof(index));
}

Extent Body::FindPayload(const std::string& reference) const {
  if (reference.empty()) return {};
  uint32_t index = 0;
  std::memcpy(&index, reference.data(), sizeof(index));
  return payloads_[index];
}

}  // namespace boltzmann::server
