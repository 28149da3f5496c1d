// The 16-bit float types of logits, one value at a time. No function fails or allocates.
#ifndef BOLTZMANN_CLIENT_FLOAT_TYPES_H_
#define BOLTZMANN_CLIENT_FLOAT_TYPES_H_

#include <cstdint>

namespace boltzmann::client {

// The nearest IEEE 754 binary16, ties to even. From 65520 on it is infinity, below 2^-14 a
// subnormal; a NaN stays a NaN of the same sign.
uint16_t Float32ToFloat16(float value);

// Exact.
float Float16ToFloat32(uint16_t bits);

// The nearest bfloat16, ties to even. The largest floats become infinity; a NaN stays a NaN of the
// same sign.
uint16_t Float32ToBfloat16(float value);

// Exact.
float Bfloat16ToFloat32(uint16_t bits);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_FLOAT_TYPES_H_
