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

// The same rows with each token as its own candidate, in descending order of ids.
v1::SampleRequest SparseRequestOf(const std::vector<std::vector<float>>& rows);

// A request to score these tokens, one a row.
v1::ScoreRequest ScoreRequestOf(const std::vector<std::vector<float>>& rows,
                                const std::vector<int32_t>& token_ids);

// A request to verify these drafted tokens, one list a sequence; every row is `row`.
v1::VerifyRequest VerifyRequestOf(const std::vector<float>& row,
                                  const std::vector<std::vector<int32_t>>& drafted);

// A request to describe these rows, and nothing else.
v1::DescribeRequest DescribeRequestOf(const std::vector<std::vector<float>>& rows);

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
