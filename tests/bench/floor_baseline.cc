// Apart from floor.cc, so that nothing of a newer instruction set comes near it.
#include <algorithm>
#include <cstdint>

#include "tests/bench/floor.h"

namespace boltzmann::bench {
namespace {

// In as many lanes as the compiler likes.
template <typename T>
T MaxOf(const T* data, size_t count) {
  constexpr size_t kLanes = 128 / sizeof(T);
  T lane[kLanes];
  std::fill(lane, lane + kLanes, data[0]);
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (size_t j = 0; j < kLanes; ++j) lane[j] = data[i + j] > lane[j] ? data[i + j] : lane[j];
  }
  for (; i < count; ++i) lane[0] = std::max(lane[0], data[i]);
  return *std::max_element(lane, lane + kLanes);
}

}  // namespace

float ReadOnceBaseline(const void* logits, core::DataType type, size_t count) {
  if (type == core::DataType::kFloat32) return MaxOf(static_cast<const float*>(logits), count);
  return FloorValue(type, MaxOf(static_cast<const int16_t*>(logits), count));
}

}  // namespace boltzmann::bench
