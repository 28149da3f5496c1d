#include "core/snapshot.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace boltzmann::core {
namespace {

// Whether two scans found the same of a block; kept_mass is nothing that a scan finds.
bool IsSame(const Block& a, const Block& b) {
  const auto same = [](auto x, auto y) { return x == y || (std::isnan(x) && std::isnan(y)); };
  return same(a.max, b.max) && same(a.received_max, b.received_max) &&
         same(a.float_max, b.float_max) && same(a.model_max, b.model_max) &&
         same(a.model_sum, b.model_sum) && same(a.tempered_sum, b.tempered_sum) &&
         a.model_whole == b.model_whole;
}

}  // namespace

LogitRow Snapshot::Of(const LogitRow& row) {
  if (!row.MayChange()) return row;
  received_ = static_cast<const std::byte*>(row.AddressOf(0));
  vocab_size_ = row.vocab_size();
  logit_size_ = SizeOf(row.type());
  const size_t size = static_cast<size_t>(vocab_size_) * logit_size_;
  copy_.resize(std::max(copy_.size(), size));
  is_copied_.assign(BlockCount(vocab_size_), 0);
  any_copied_ = scanning_ = false;
  scan_.reset();
  return row.Through(*this);
}

const std::byte* Snapshot::Read(int32_t first, int32_t count) {
  const size_t begin = static_cast<size_t>(first) * logit_size_;
  const int first_block = first / kBlockSize;
  if (scanning_) return (is_copied_[first_block] ? copy_.data() : received_) + begin;
  const int last_block = (first + count - 1) / kBlockSize;
  for (int block = first_block; block <= last_block; ++block) {
    if (!is_copied_[block]) Copy(block);
  }
  return copy_.data() + begin;
}

LogitRow Snapshot::BeginScan(const LogitRow& row) {
  scanning_ = !scan_;
  if (!scanning_) Read(0, vocab_size_);
  return any_copied_ ? row : row.InPlace();
}

void Snapshot::EndScan(const Kernels& kernels, const LogitRow& row, const ScanOptions& options,
                       absl::Span<const Block> blocks) {
  scanning_ = false;
  if (!scan_) scan_.emplace(FirstScan{kernels, row, options, blocks});
}

void Snapshot::Copy(int block) {
  const int32_t first = block * kBlockSize;
  const size_t begin = static_cast<size_t>(first) * logit_size_;
  const size_t size = std::min(kBlockSize, vocab_size_ - first) * logit_size_;
  std::memcpy(copy_.data() + begin, received_ + begin, size);
  is_copied_[block] = any_copied_ = true;
  if (scan_ && !IsAsScanned(block)) throw LogitsChanged();
}

bool Snapshot::IsAsScanned(int block) const {
  Block again;
  scan_->kernels.scan(scan_->row, scan_->options, block, absl::MakeSpan(&again, 1));
  return IsSame(scan_->blocks[block], again);
}

}  // namespace boltzmann::core
