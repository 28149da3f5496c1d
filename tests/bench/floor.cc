#include "tests/bench/floor.h"

#include <algorithm>
#include <cstdint>

#include "client/float_types.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/bench/floor.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace boltzmann::bench {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Eight independent chains: enough to have a load in every slot.
template <typename T>
T MaxOf(const T* HWY_RESTRICT data, size_t count) {
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d), step = 8 * lanes;
  if (count < step) return *std::max_element(data, data + count);
  auto m0 = hn::LoadU(d, data), m1 = m0, m2 = m0, m3 = m0, m4 = m0, m5 = m0, m6 = m0, m7 = m0;
  const auto read = [&](const T* at) HWY_ATTR {
    m0 = hn::Max(m0, hn::LoadU(d, at));
    m1 = hn::Max(m1, hn::LoadU(d, at + lanes));
    m2 = hn::Max(m2, hn::LoadU(d, at + 2 * lanes));
    m3 = hn::Max(m3, hn::LoadU(d, at + 3 * lanes));
    m4 = hn::Max(m4, hn::LoadU(d, at + 4 * lanes));
    m5 = hn::Max(m5, hn::LoadU(d, at + 5 * lanes));
    m6 = hn::Max(m6, hn::LoadU(d, at + 6 * lanes));
    m7 = hn::Max(m7, hn::LoadU(d, at + 7 * lanes));
  };
  for (size_t i = 0; i + step <= count; i += step) read(data + i);
  read(data + count - step);  // what is left, and some again
  m0 =
      hn::Max(hn::Max(hn::Max(m0, m1), hn::Max(m2, m3)), hn::Max(hn::Max(m4, m5), hn::Max(m6, m7)));
  T last[HWY_MAX_BYTES / sizeof(T)];
  hn::StoreU(m0, d, last);
  return *std::max_element(last, last + lanes);
}

float MaxOfFloats(const float* data, size_t count) { return MaxOf(data, count); }
int16_t MaxOfShorts(const int16_t* data, size_t count) { return MaxOf(data, count); }
int64_t Target() { return HWY_TARGET; }

}  // namespace HWY_NAMESPACE
}  // namespace boltzmann::bench
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace boltzmann::bench {

HWY_EXPORT(MaxOfFloats);
HWY_EXPORT(MaxOfShorts);
HWY_EXPORT(Target);

float FloorValue(core::DataType type, int16_t bits) {
  const auto unsigned_bits = static_cast<uint16_t>(bits);
  return type == core::DataType::kFloat16 ? client::Float16ToFloat32(unsigned_bits)
                                          : client::Bfloat16ToFloat32(unsigned_bits);
}

float ReadOnce(const void* logits, core::DataType type, size_t count) {
  if (type == core::DataType::kFloat32) {
    return HWY_DYNAMIC_DISPATCH(MaxOfFloats)(static_cast<const float*>(logits), count);
  }
  return FloorValue(type,
                    HWY_DYNAMIC_DISPATCH(MaxOfShorts)(static_cast<const int16_t*>(logits), count));
}

std::string_view FloorInstructionSet() { return hwy::TargetName(HWY_DYNAMIC_DISPATCH(Target)()); }

}  // namespace boltzmann::bench
#endif  // HWY_ONCE
