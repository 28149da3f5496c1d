// Builds the kernels for every instruction set, and picks among them.
#include "core/kernels.h"

#include <array>
#include <iterator>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

// Those without fused multiply-add would be no faster than plain C++, and AVX3_DL adds
// nothing that is used here.
#define HWY_COMPILE_ALL_ATTAINABLE  // plain C++ even where all machines have more
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#define HWY_BROKEN_EMU128 1  // plain C++ is HWY_SCALAR
#define HWY_TARGET_INCLUDE "core/kernels.cc"
// In this order:
// clang-format off
#include "hwy/foreach_target.h"
#include "core/kernels-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace boltzmann::core::HWY_NAMESPACE {

const Kernels kKernels = {
    .scan = Scan,
    .weigh = Weigh,
    .tally = Tally,
    .tally_zones = TallyZones,
    .tally_logs = TallyLogs,
    .moments = FindMoments,
    .count = Count,
    .gather = Gather,
};

}  // namespace boltzmann::core::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace boltzmann::core {
namespace {

struct Built {
  InstructionSet set;
  int64_t target;  // Highway's name for it
  const Kernels& kernels;
};

// What this program has, the fastest first.
const Built kBuilt[] = {
#if HWY_TARGETS & HWY_AVX3
    {InstructionSet::kAvx512, HWY_AVX3, N_AVX3::kKernels},
#endif
#if HWY_TARGETS & HWY_AVX2
    {InstructionSet::kAvx2, HWY_AVX2, N_AVX2::kKernels},
#endif
#if HWY_TARGETS & HWY_NEON
    {InstructionSet::kNeon, HWY_NEON, N_NEON::kKernels},
#endif
    {InstructionSet::kPortable, HWY_SCALAR, N_SCALAR::kKernels},
};

struct Supported {
  std::array<InstructionSet, std::size(kBuilt)> sets;
  size_t count = 0;

  Supported() {
    for (const Built& built : kBuilt) {
      const bool runs = built.target == HWY_SCALAR || (hwy::SupportedTargets() & built.target) != 0;
      if (runs) sets[count++] = built.set;
    }
  }
};

}  // namespace

std::string_view NameOf(InstructionSet set) {
  switch (set) {
    case InstructionSet::kAvx512:
      return "avx512";
    case InstructionSet::kAvx2:
      return "avx2";
    case InstructionSet::kNeon:
      return "neon";
    case InstructionSet::kPortable:
      return "portable";
  }
  return "";
}

absl::Span<const InstructionSet> SupportedInstructionSets() {
  static const Supported supported;
  return {supported.sets.data(), supported.count};
}

absl::StatusOr<InstructionSet> FindInstructionSet(std::string_view name) {
  for (InstructionSet set : SupportedInstructionSets()) {
    if (NameOf(set) == name) return set;
  }
  const auto append = [](std::string* out, InstructionSet set) { out->append(NameOf(set)); };
  return absl::NotFoundError(absl::StrCat("'", std::string(name),
                                          "' is no instruction set of this machine, which has ",
                                          absl::StrJoin(SupportedInstructionSets(), ", ", append)));
}

const Kernels& KernelsFor(InstructionSet set) {
  const Built* built = kBuilt;
  while (built->set != set) ++built;
  return built->kernels;
}

}  // namespace boltzmann::core
#endif  // HWY_ONCE
