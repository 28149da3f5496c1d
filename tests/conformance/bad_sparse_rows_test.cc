// Every rule of sparse rows, broken.
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/door.h"
#include "tests/conformance/requests.h"

namespace boltzmann::test {
namespace {

using testing::HasSubstr;

// Two rows of three candidates out of ten tokens: 2, 1, 0.
v1::SampleRequest TwoRows() {
  v1::SampleRequest request = SparseRequestOf({{1, 2, 3}, {1, 2, 3}});
  request.mutable_logits()->set_vocab_size(10);
  return request;
}

class BadSparseRows : public Conformance {
 protected:
  void ExpectRefused(const std::function<void(v1::SampleRequest&)>& spoil,
                     const std::string& violation) {
    v1::SampleRequest request = TwoRows();
    spoil(request);
    const absl::Status status = Sample(request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << violation;
    EXPECT_THAT(std::string(status.message()), HasSubstr(violation));
  }

  void ExpectRowRefused(const std::function<void(v1::SparseRow&)>& spoil,
                        const std::string& violation) {
    ExpectRefused(
        [&](auto& r) { spoil(*r.mutable_logits()->mutable_sparse_rows()->mutable_rows(1)); },
        "logits.sparse_rows.rows[1]" + violation);
  }
};

TEST_P(BadSparseRows, AsManyAsThereAreRows) {
  ExpectRefused([](auto& r) { r.mutable_logits()->mutable_sparse_rows()->clear_rows(); },
                "logits.sparse_rows.rows: 0 entries for 2 rows: send one a row");
  ExpectRefused([](auto& r) { r.mutable_logits()->set_row_count(3); },
                "logits.sparse_rows.rows: 2 entries for 3 rows: send one a row");
}

TEST_P(BadSparseRows, AStrideHasNoMeaning) {
  ExpectRefused([](auto& r) { r.mutable_logits()->set_row_stride_bytes(40); },
                "logits.row_stride_bytes: 40 is set, but sparse rows lie nowhere: leave it out");
}

TEST_P(BadSparseRows, CandidatesThatAreNone) {
  ExpectRowRefused([](auto& row) { row.Clear(); },
                   ".token_ids: is empty: send at least one candidate");
  ExpectRowRefused([](auto& row) { row.set_token_ids(2, 10); },
                   ".token_ids[2]: 10 is outside [0, 10)");
  ExpectRowRefused([](auto& row) { row.set_token_ids(0, -1); },
                   ".token_ids[0]: -1 is outside [0, 10)");
  ExpectRowRefused([](auto& row) { row.set_token_ids(2, 2); },
                   ".token_ids: token 2 is there twice: send it once");
}

TEST_P(BadSparseRows, LogitsThatAreNotThoseOfTheCandidates) {
  for (size_t bytes : {0, 8, 13, 16}) {
    ExpectRowRefused([&](auto& row) { row.set_logits(std::string(bytes, 'x')); },
                     ".logits: " + std::to_string(bytes) + " bytes are not 3 x float32");
  }
}

TEST_P(BadSparseRows, SumsThatAreNotFinite) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  ExpectRowRefused([](auto& row) { row.set_log_sum_exp(kInf); },
                   ".log_sum_exp: inf is outside (-inf, inf)");
  ExpectRowRefused([](auto& row) { row.set_log_sum_exp(-kInf); },
                   ".log_sum_exp: -inf is outside (-inf, inf)");
  ExpectRowRefused([](auto& row) { row.set_log_sum_exp(std::numeric_limits<double>::quiet_NaN()); },
                   ".log_sum_exp: nan is outside (-inf, inf)");
}

TEST_P(BadSparseRows, OnlyCandidatesCanBeNamed) {
  ExpectRefused(
      [](auto& r) {
        r.add_outputs()->add_named_token_ids(1);
        r.mutable_outputs(0)->add_named_token_ids(5);
      },
      "outputs[0].named_token_ids[1]: 5 is no candidate of row 0");
  ExpectRefused(
      [](auto& r) {
        for (int i = 0; i < 2; ++i) r.add_outputs()->add_named_token_ids(0);
        r.mutable_logits()->mutable_sparse_rows()->mutable_rows(1)->set_token_ids(2, 9);
      },
      "outputs[1].named_token_ids[0]: 0 is no candidate of row 1");
}

TEST_P(BadSparseRows, ManyWrongTokensAreNamedFirstAndThenCounted) {
  ExpectRefused(
      [](auto& r) {
        auto& row = *r.mutable_logits()->mutable_sparse_rows()->mutable_rows(0);
        for (int i = 0; i < 1000; ++i) row.add_token_ids(10 + i);
      },
      "rows[0].token_ids[3]: 10 is outside [0, 10)");
  ExpectRefused(
      [](auto& r) {
        auto& row = *r.mutable_logits()->mutable_sparse_rows()->mutable_rows(0);
        for (int i = 0; i < 1000; ++i) row.add_token_ids(10 + i);
      },
      "rows[0].token_ids: 992 more ids are outside [0, 10)");
}

TEST_P(BadSparseRows, UnknownFieldsOfARow) {
  ExpectRowRefused(
      [](auto& row) { row.GetReflection()->MutableUnknownFields(&row)->AddVarint(1234, 1); },
      ": field number 1234 is not known to this server");
}

TEST_P(BadSparseRows, AVocabularyBeyondTheLimitIsExhausted) {
  v1::SampleRequest request = TwoRows();
  request.mutable_logits()->set_vocab_size(std::numeric_limits<int32_t>::max());
  const absl::Status status = Sample(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
}

BOLTZMANN_AT_EVERY_DOOR(BadSparseRows);

}  // namespace
}  // namespace boltzmann::test
