// Rows of sizes at, below and above what code likes to work in, at every address.
#include <vector>

#include "gtest/gtest.h"
#include "tests/core/agreement.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

using core::DataType;
using core::SamplingParams;

constexpr SamplingParams kParams[] = {
    {},
    {.temperature = 0},
    {.temperature = .7, .top_p = .9},
    {.temperature = 1.5, .top_k = 50},
    {.min_p = .05},
    {.temperature = .8, .min_p = .02, .top_k = 40, .top_p = .95},
};

Row FullRow(const std::vector<float>& logits, DataType type, const SamplingParams& params,
            size_t offset = 0) {
  Row row{.logits = Encoded(logits, type, offset), .params = params};
  row.outputs = AskAll(row.vocab_size());
  row.named = {row.vocab_size() - 1, 0};
  row.state = {.seed = 42, .position = logits.size(), .draw_count = 16};
  return row;
}

class RowOfSize : public testing::TestWithParam<size_t> {
 protected:
  // The same logits through every type and parameter set.
  static void ExpectAgreementThroughout(const std::vector<float>& logits) {
    for (DataType type : kDataTypes) {
      for (const SamplingParams& params : kParams) ExpectAgreement(FullRow(logits, type, params));
    }
  }
};

TEST_P(RowOfSize, AgreesIfAllLogitsDiffer) { ExpectAgreementThroughout(BellLogits(GetParam(), 1)); }

TEST_P(RowOfSize, AgreesIfManyLogitsAreTied) {
  ExpectAgreementThroughout(BellLogits(GetParam(), 2, 2, 1.0));
}

TEST_P(RowOfSize, AgreesIfTheLargestLogitIsFirstOrLast) {
  std::vector<float> logits = BellLogits(GetParam(), 3);
  logits.front() = 9;
  ExpectAgreementThroughout(logits);
  logits.front() = -9;
  logits.back() = 9.5;
  ExpectAgreementThroughout(logits);
}

TEST_P(RowOfSize, AgreesIfHalfOfItIsMasked) {
  std::vector<float> logits = BellLogits(GetParam(), 4);
  for (size_t i = 1; i < logits.size(); ++i) {
    if (i / 300 % 2 == 0 || i % 3 == 0) logits[i] = -kInf;
  }
  ExpectAgreementThroughout(logits);
}

TEST_P(RowOfSize, GivesTheSameBitsAtEveryAddress) {
  const std::vector<float> logits = BellLogits(GetParam(), 5);
  for (DataType type : kDataTypes) {
    const std::string aligned = SampleAndPrint(FullRow(logits, type, kParams[2]));
    for (size_t offset : {1, 2, 3}) {
      const Row row = FullRow(logits, type, kParams[2], offset);
      ASSERT_EQ(SampleAndPrint(row), aligned) << offset;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, RowOfSize,
                         testing::Values(1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127,
                                         128, 129, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025,
                                         4095, 4096, 4097, 50257, 128256));

}  // namespace
}  // namespace boltzmann::test
