// Requests for tests.
#ifndef BOLTZMANN_TESTS_CONFORMANCE_REQUESTS_H_
#define BOLTZMANN_TESTS_CONFORMANCE_REQUESTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "boltzmann/v1/sampler.pb.h"

namespace boltzmann::test {

// The bytes of these values as they lie in memory.
template <typename T>
std::string Bytes(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

// A request of float32 rows, all of the same length, and nothing else.
v1::SampleRequest RequestOf(const std::vector<std::vector<float>>& rows);

// A request of one row that asks for all there is to know about it.
v1::SampleRequest FullRequest(const std::vector<float>& row);

// `row_count` rows of `vocab_size` logits with a head and a tail as a language model's
// have, ties and -infinities among them, each with parameters, outputs, a seed and a
// position of its own; drawn from `seed`.
v1::SampleRequest MixedRequest(int row_count, int vocab_size, v1::DataType type, uint32_t seed);

// The request that has only row `index` of `request`.
v1::SampleRequest OnlyRow(const v1::SampleRequest& request, int index);

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CONFORMANCE_REQUESTS_H_
