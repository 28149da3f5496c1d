#include "core/logits.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "core/snapshot.h"

namespace boltzmann::core {
namespace {

static_assert(std::endian::native == std::endian::little, "logits are read as they lie");

float WidenFloat32(uint32_t bits) { return std::bit_cast<float>(bits); }

float WidenBFloat16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

// Moves the fields of a half where those of a float are, then rebiases the exponent by
// a multiplication, which also normalises subnormals, exactly.
float WidenFloat16(uint16_t bits) {
  constexpr uint32_t kInfinity = 0x7F800000;
  const uint32_t sign = uint32_t{bits & 0x8000u} << 16;
  const uint32_t magnitude = uint32_t{bits & 0x7FFFu} << 13;
  const float rebiased = std::bit_cast<float>(magnitude) * 0x1p112f;
  const bool finite = magnitude < uint32_t{0x7C00} << 13;
  const uint32_t widened = finite ? std::bit_cast<uint32_t>(rebiased) : magnitude | kInfinity;
  return std::bit_cast<float>(widened | sign);
}

template <typename Stored, float (*Widen)(Stored)>
void WidenAll(const std::byte* from, int32_t count, float* out) {
  for (int32_t i = 0; i < count; ++i) {
    Stored stored;
    std::memcpy(&stored, from + i * sizeof(Stored), sizeof(Stored));
    out[i] = Widen(stored);
  }
}

}  // namespace

double LogitRow::At(int32_t token_id) const {
  double logit = 0;
  Load(token_id, 1, &logit);
  return logit;
}

float LogitRow::ReceivedAt(int32_t token_id) const {
  float logit = 0;
  LoadReceived(token_id, 1, &logit);
  return logit;
}

void LogitRow::Load(int32_t first, int32_t count, double* out) const {
  float received[kBlockSize];
  LoadReceived(first, count, received);
  std::copy_n(received, count, out);
  if (!HasOverlay()) return;
  for (const LogitEdit& edit : EditsOf(first / kBlockSize)) {
    if (first <= edit.token_id && edit.token_id < first + count) {
      out[edit.token_id - first] = edit.logit;
    }
  }
  for (int32_t i = 0; i < count; ++i) {
    const bool seen = IsAllowed(first + i) && ceiling_.Keeps(out[i], first + i);
    if (!seen) out[i] = -std::numeric_limits<double>::infinity();
  }
}

void LogitRow::LoadReceived(int32_t first, int32_t count, float* out) const {
  constexpr int32_t kPiece = 64;
  for (int32_t done = 0; done < count; done += kPiece) {
    const int32_t n = std::min(kPiece, count - done);
    std::byte copy[kPiece * sizeof(float)];
    const std::byte* from = Contiguous(first + done, n);
    if (from == nullptr) {
      CopyBytes(first + done, n, copy);
      from = copy;
    }
    switch (type_) {
      case DataType::kFloat32:
        WidenAll<uint32_t, WidenFloat32>(from, n, out + done);
        break;
      case DataType::kFloat16:
        WidenAll<uint16_t, WidenFloat16>(from, n, out + done);
        break;
      case DataType::kBFloat16:
        WidenAll<uint16_t, WidenBFloat16>(from, n, out + done);
        break;
    }
  }
}

const LogitSegment& LogitRow::SegmentOf(size_t byte) const {
  const auto after =
      std::upper_bound(segments_.begin(), segments_.end(), byte,
                       [](size_t b, const LogitSegment& segment) { return b < segment.begin; });
  return *(after - 1);
}

const std::byte* LogitRow::FindContiguous(int32_t first, int32_t count) const {
  if (snapshot_ != nullptr) return snapshot_->Read(first, count);
  const size_t begin = static_cast<size_t>(first) * SizeOf(type_);
  const size_t end = begin + static_cast<size_t>(count) * SizeOf(type_);
  const LogitSegment* segment = &SegmentOf(begin);
  const bool last = segment == &segments_.back();
  if (!last && end > (segment + 1)->begin) return nullptr;
  return segment->data + (begin - segment->begin);
}

void LogitRow::CopyBytes(int32_t first, int32_t count, std::byte* out) const {
  size_t begin = static_cast<size_t>(first) * SizeOf(type_);
  const size_t end = begin + static_cast<size_t>(count) * SizeOf(type_);
  if (const std::byte* from = Contiguous(first, count); from != nullptr) {
    std::memcpy(out, from, end - begin);
    return;
  }
  for (const LogitSegment* segment = &SegmentOf(begin); begin < end; ++segment) {
    const bool last = segment == &segments_.back();
    const size_t until = last ? end : std::min(end, (segment + 1)->begin);
    std::memcpy(out, segment->data + (begin - segment->begin), until - begin);
    out += until - begin;
    begin = until;
  }
}

}  // namespace boltzmann::core
