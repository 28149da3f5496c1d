#include "tests/core/adversary.h"

#include <algorithm>
#include <cstring>

namespace boltzmann::test {
namespace {

using core::Kernels;

Adversary* current = nullptr;

// Strikes when it begins and when it ends, by exception too.
struct Strikes {
  Strikes() { Adversary::Current().MayStrike(); }
  ~Strikes() { Adversary::Current().MayStrike(); }
};

template <auto kKernel>
struct Between;

// A kernel, between two strikes.
template <typename R, typename... Args, R (*Kernels::*kKernel)(Args...)>
struct Between<kKernel> {
  static R Run(Args... args) {
    const Strikes strikes;
    return (Adversary::Current().real().*kKernel)(args...);
  }
};

void Scan(const core::LogitRow& row, const core::ScanOptions& options, int first,
          absl::Span<core::Block> blocks) {
  const Strikes strikes;
  Adversary::Current().NoteScan(row, first, blocks.size());
  Adversary::Current().real().scan(row, options, first, blocks);
}

constexpr Kernels kKernels = {
    .scan = Scan,
    .weigh = Between<&Kernels::weigh>::Run,
    .tally = Between<&Kernels::tally>::Run,
    .tally_zones = Between<&Kernels::tally_zones>::Run,
    .tally_logs = Between<&Kernels::tally_logs>::Run,
    .moments = Between<&Kernels::moments>::Run,
    .count = Between<&Kernels::count>::Run,
    .gather = Between<&Kernels::gather>::Run,
};

}  // namespace

Prey::Prey(const Encoded& logits)
    : type_(logits.row().type()),
      size_(logits.row().vocab_size()),
      memory_(size_ * core::SizeOf(type_)) {
  logits.row().CopyBytes(0, size_, memory_.data());
  original_ = scanned_ = memory_;
}

void Prey::Change(Stream& stream) {
  const auto token = static_cast<int32_t>(stream.Below(size_));
  switch (stream.Below(9)) {
    case 0:
      return Fill([](int32_t) { return 0.0f; });
    case 1:
      return Fill([token](int32_t i) { return i == token ? 30.0f : -30.0f; });
    case 2:
      return Fill([&stream](int32_t) { return static_cast<float>(8 * stream.Unit()); });
    case 3:
      return Fill([](int32_t) { return -kInf; });
    case 4:
      return Write(token, stream.Of({kNan, -kNan}));
    case 5:
      return Write(token, stream.Of({kInf, -kInf}));
    case 6:
      return SwapBlocks(stream);
    case 7:
      return Restore();
    default:
      return Write(token, static_cast<float>(20 * stream.Unit() - 10));
  }
}

void Prey::Write(int32_t token, float logit) {
  std::byte* const at = memory_.data() + token * core::SizeOf(type_);
  if (type_ == core::DataType::kFloat32) {
    std::memcpy(at, &logit, sizeof(logit));
  } else {
    const bool half = type_ == core::DataType::kFloat16;
    const uint16_t bits = half ? NarrowToHalf(logit) : NarrowToBrain(logit);
    std::memcpy(at, &bits, sizeof(bits));
  }
}

void Prey::NoteScan(const core::LogitRow& row, int first_block, size_t count) {
  if (row.AddressOf(0) != memory_.data()) return;
  const int32_t first = first_block * core::kBlockSize;
  const int32_t end = std::min(size_, first + static_cast<int32_t>(count) * core::kBlockSize);
  for (int32_t token = first; token < end; token += core::kBlockSize) {
    row.CopyBytes(token, std::min(core::kBlockSize, end - token),
                  scanned_.data() + token * core::SizeOf(type_));
  }
}

template <typename Logit>
void Prey::Fill(Logit logit) {
  for (int32_t i = 0; i < size_; ++i) Write(i, logit(i));
}

void Prey::SwapBlocks(Stream& stream) {
  const size_t bytes = core::kBlockSize * core::SizeOf(type_);
  const auto whole_blocks = static_cast<int64_t>(memory_.size() / bytes);
  if (whole_blocks == 0) return;
  std::byte* const a = memory_.data() + bytes * stream.Below(whole_blocks);
  std::byte* const b = memory_.data() + bytes * stream.Below(whole_blocks);
  if (a != b) std::swap_ranges(a, a + bytes, b);
}

Adversary::Adversary(core::InstructionSet set, std::vector<Prey>& prey, uint64_t seed,
                     double chance)
    : real_(core::KernelsFor(set)), prey_(prey), stream_(seed), chance_(chance) {
  current = this;
}

Adversary::~Adversary() { current = nullptr; }

const Kernels& Adversary::kernels() { return kKernels; }

Adversary& Adversary::Current() { return *current; }

void Adversary::MayStrike() {
  if (stream_.Unit() >= chance_) return;
  prey_[stream_.Below(static_cast<int64_t>(prey_.size()))].Change(stream_);
}

void Adversary::NoteScan(const core::LogitRow& row, int first_block, size_t count) {
  for (Prey& prey : prey_) prey.NoteScan(row, first_block, count);
}

}  // namespace boltzmann::test
