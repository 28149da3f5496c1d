#include "client/logit_matrix.h"

#include <bit>
#include <cstring>
#include <utility>

#include "client/float_types.h"

namespace boltzmann::client {
namespace {

static_assert(std::endian::native == std::endian::little, "bytes are copied as they are");

template <typename T>
T Load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

template <typename T>
void Store(char* at, T value) {
  std::memcpy(at, &value, sizeof(value));
}

float LoadLogit(const char* at, v1::DataType type) {
  if (type == v1::DATA_TYPE_FLOAT16) return Float16ToFloat32(Load<uint16_t>(at));
  if (type == v1::DATA_TYPE_BFLOAT16) return Bfloat16ToFloat32(Load<uint16_t>(at));
  return Load<float>(at);
}

void StoreLogit(char* at, v1::DataType type, float value) {
  if (type == v1::DATA_TYPE_FLOAT16) return Store(at, Float32ToFloat16(value));
  if (type == v1::DATA_TYPE_BFLOAT16) return Store(at, Float32ToBfloat16(value));
  Store(at, value);
}

}  // namespace

size_t SizeOf(v1::DataType type) { return type == v1::DATA_TYPE_FLOAT32 ? 4 : 2; }

float LogitAt(const LogitMatrix& matrix, uint32_t row, uint32_t id) {
  const size_t index = size_t{row} * matrix.vocab_size + id;
  return LoadLogit(&matrix.bytes[index * SizeOf(matrix.data_type)], matrix.data_type);
}

LogitMatrix ConvertTo(LogitMatrix matrix, v1::DataType type) {
  if (matrix.data_type == type) return matrix;
  const size_t from_size = SizeOf(matrix.data_type);
  const size_t to_size = SizeOf(type);
  const size_t count = matrix.bytes.size() / from_size;
  std::string converted(count * to_size, '\0');
  for (size_t i = 0; i < count; ++i) {
    StoreLogit(&converted[i * to_size], type,
               LoadLogit(&matrix.bytes[i * from_size], matrix.data_type));
  }
  matrix.data_type = type;
  matrix.bytes = std::move(converted);
  return matrix;
}

}  // namespace boltzmann::client
