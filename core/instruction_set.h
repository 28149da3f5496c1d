// The instruction sets that rows can be computed with. All give the same bits.
#ifndef BOLTZMANN_CORE_INSTRUCTION_SET_H_
#define BOLTZMANN_CORE_INSTRUCTION_SET_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace boltzmann::core {

enum class InstructionSet : uint8_t {
  kAvx512,    // x86 with AVX-512 F, BW, CD, DQ and VL
  kAvx2,      // x86 with AVX2, FMA and F16C
  kNeon,      // 64-bit Arm
  kPortable,  // plain C++ with std::fma: for any machine, slowly
};

// Its name in flags, logs and replies, such as "avx512".
std::string_view NameOf(InstructionSet set);

// Those that this program has and this machine can run, the fastest first. Never empty: the
// last is kPortable.
absl::Span<const InstructionSet> SupportedInstructionSets();

// The one with this name. NOT_FOUND if there is none, or this machine cannot run it; the
// message lists those that it can.
absl::StatusOr<InstructionSet> FindInstructionSet(std::string_view name);

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_INSTRUCTION_SET_H_
