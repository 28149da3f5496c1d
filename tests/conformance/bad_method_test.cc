// The rules that Score, Verify and Describe have of their own, broken.
#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/door.h"
#include "tests/conformance/requests.h"

namespace boltzmann::test {
namespace {

using testing::HasSubstr;

constexpr char kUnknown[] = ": field number 1234 is not known to this server";

void AddUnknown(google::protobuf::Message& message) {
  message.GetReflection()->MutableUnknownFields(&message)->AddVarint(1234, 1);
}

template <typename Response>
void ExpectRefusal(const absl::StatusOr<Response>& response, const std::string& violation) {
  EXPECT_EQ(response.status().code(), absl::StatusCode::kInvalidArgument) << violation;
  EXPECT_THAT(std::string(response.status().message()), HasSubstr(violation));
}

class BadScores : public Conformance {
 protected:
  void ExpectRefused(const std::function<void(v1::ScoreRequest&)>& spoil,
                     const std::string& violation) {
    v1::ScoreRequest request = ScoreRequestOf({{1, 2, 3}, {1, 2, 3}}, {0, 1});
    spoil(request);
    ExpectRefusal(Score(request), violation);
  }
};

TEST_P(BadScores, TokensThatAreNotOneARowOrNone) {
  ExpectRefused([](auto& r) { r.clear_token_ids(); },
                "token_ids: 0 entries for 2 rows: send one a row");
  ExpectRefused([](auto& r) { r.add_token_ids(0); },
                "token_ids: 3 entries for 2 rows: send one a row");
  ExpectRefused([](auto& r) { r.set_token_ids(1, 3); }, "token_ids[1]: 3 is outside [0, 3)");
  ExpectRefused([](auto& r) { r.set_token_ids(0, -1); }, "token_ids[0]: -1 is outside [0, 3)");
}

TEST_P(BadScores, SparseRowsAndDraws) {
  ExpectRefused(
      [](auto& r) {
        *r.mutable_logits() = SparseRequestOf({{1, 2, 3}, {1, 2, 3}}).logits();
      },
      "logits.sparse_rows: do not hold every token's logit: send inline_data");
  ExpectRefused(
      [](auto& r) {
        r.add_rows();
        r.add_rows()->set_draw_count(1);
      },
      "rows[1].draw_count: 1 is set, but this method draws nothing: leave it out");
}

TEST_P(BadScores, WhatSampleRefuses) {
  ExpectRefused([](auto& r) { r.clear_logits(); }, "logits.vocab_size: 0 is outside");
  ExpectRefused([](auto& r) { r.add_params()->set_top_p(2); }, "params[0].top_p: 2 is outside");
  ExpectRefused([](auto& r) { r.add_outputs()->set_top_model_count(4); },
                "outputs[0].top_model_count: 4 is outside [0, 3]");
  ExpectRefused([](auto& r) { r.add_rows(); }, "rows: 1 entries for 2 rows");
  ExpectRefused([](auto& r) { AddUnknown(r); }, std::string("request") + kUnknown);
}

class BadDescriptions : public Conformance {
 protected:
  void ExpectRefused(const std::function<void(v1::DescribeRequest&)>& spoil,
                     const std::string& violation) {
    v1::DescribeRequest request = DescribeRequestOf({{1, 2, 3}});
    spoil(request);
    ExpectRefusal(Describe(request), violation);
  }
};

TEST_P(BadDescriptions, CountsDrawsAndWholeSparseRows) {
  ExpectRefused([](auto& r) { r.set_top_count(4); }, "top_count: 4 is outside [0, 3]");
  ExpectRefused([](auto& r) { r.add_rows()->set_draw_count(2); },
                "rows[0].draw_count: 2 is set, but this method draws nothing: leave it out");
  ExpectRefused(
      [](auto& r) {
        *r.mutable_logits() = SparseRequestOf({{1, 2, 3}}).logits();
        r.set_all_tokens(true);
      },
      "all_tokens: is set, but sparse rows do not hold every token");
  ExpectRefused([](auto& r) { AddUnknown(r); }, std::string("request") + kUnknown);
}

TEST_P(BadDescriptions, AllTokensOfManyRowsAreExhausted) {
  v1::DescribeRequest request =
      DescribeRequestOf(std::vector<std::vector<float>>(5, std::vector<float>(1 << 20, 0)));
  request.set_all_tokens(true);
  const absl::Status status = Describe(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("exceeds this server's limit of 4194304"));
}

// Two sequences over four tokens: one with two drafted tokens, one with none.
class BadDrafts : public Conformance {
 protected:
  void ExpectRefused(const std::function<void(v1::VerifyRequest&)>& spoil,
                     const std::string& violation) {
    v1::VerifyRequest request = VerifyRequestOf({1, 2, 3, 4}, {{0, 1}, {}});
    spoil(request);
    ExpectRefusal(Verify(request), violation);
  }

  void ExpectSequenceRefused(const std::function<void(v1::DraftSequence&)>& spoil,
                             const std::string& violation) {
    ExpectRefused([&](auto& r) { spoil(*r.mutable_sequences(0)); }, "sequences[0]" + violation);
  }
};

TEST_P(BadDrafts, RowsThatAreNotThoseOfTheSequences) {
  ExpectRefused([](auto& r) { r.clear_sequences(); }, "sequences: is empty: send at least one");
  ExpectRefused([](auto& r) { r.mutable_sequences(1)->add_draft_token_ids(0); },
                "logits.row_count: 4 rows for 2 sequences with 3 drafted tokens: send 5, one a "
                "token and one more a sequence");
}

TEST_P(BadDrafts, EntriesThatAreNotOneASequence) {
  ExpectRefused(
      [](auto& r) {
        for (int i = 0; i < 4; ++i) r.add_params();
      },
      "params: 4 entries for 2 sequences: send none, one for all, or one a sequence");
  ExpectRefused(
      [](auto& r) {
        for (int i = 0; i < 3; ++i) r.add_outputs();
      },
      "outputs: 3 entries for 2 sequences: send none, one for all, or one a sequence");
}

TEST_P(BadDrafts, StatesOutsideTheirRanges) {
  ExpectSequenceRefused([](auto& s) { s.mutable_state()->set_draw_count(2); },
                        ".state.draw_count: 2 draws, but a position takes one token");
  ExpectSequenceRefused([](auto& s) { s.mutable_state()->set_draw_count(0); },
                        ".state.draw_count: 0 is outside");
  ExpectSequenceRefused([](auto& s) { s.mutable_state()->add_output_token_ids(4); },
                        ".state.output_token_ids[0]: 4 is outside [0, 4)");
}

TEST_P(BadDrafts, DraftedTokensThatAreNone) {
  ExpectSequenceRefused([](auto& s) { s.set_draft_token_ids(1, 4); },
                        ".draft_token_ids[1]: 4 is outside [0, 4)");
}

TEST_P(BadDrafts, DenseDistributionsOfTheWrongShape) {
  const auto dense = [](v1::DataType type, size_t bytes) {
    return [=](v1::DraftSequence& s) {
      s.mutable_dense_draft()->set_data_type(type);
      s.mutable_dense_draft()->set_probabilities(std::string(bytes, '\0'));
    };
  };
  ExpectSequenceRefused(dense(v1::DATA_TYPE_UNSPECIFIED, 32),
                        ".dense_draft.data_type: 0 is not one of FLOAT32 (1)");
  ExpectSequenceRefused(dense(v1::DATA_TYPE_FLOAT32, 31),
                        ".dense_draft.probabilities: 31 bytes are not 2 rows of 4 x float32");
  ExpectSequenceRefused(dense(v1::DATA_TYPE_FLOAT16, 32),
                        ".dense_draft.probabilities: 32 bytes are not 2 rows of 4 x float16");
  ExpectSequenceRefused(
      [&](auto& s) {
        dense(v1::DATA_TYPE_FLOAT32, 32)(s);
        s.add_sparse_draft();
      },
      ".sparse_draft: is set beside dense_draft: send one of them");
}

TEST_P(BadDrafts, SparseDistributionsOfTheWrongShape) {
  const auto second = [](const std::function<void(v1::SparseDraft&)>& spoil) {
    return [spoil](v1::DraftSequence& s) {
      for (int i = 0; i < 2; ++i) {
        auto& draft = *s.add_sparse_draft();
        for (int id = 1; id >= 0; --id) draft.add_token_ids(id), draft.add_probabilities(.5);
      }
      spoil(*s.mutable_sparse_draft(1));
    };
  };
  ExpectSequenceRefused([](auto& s) { s.add_sparse_draft(); },
                        ".sparse_draft: 1 entries for 2 drafted tokens: send none, or one a");
  ExpectSequenceRefused(second([](auto& d) { d.Clear(); }), ".sparse_draft[1].token_ids: is empty");
  ExpectSequenceRefused(second([](auto& d) { d.set_token_ids(0, 4); }),
                        ".sparse_draft[1].token_ids[0]: 4 is outside [0, 4)");
  ExpectSequenceRefused(second([](auto& d) { d.set_token_ids(1, 1); }),
                        ".sparse_draft[1].token_ids: token 1 is there twice: send it once");
  ExpectSequenceRefused(second([](auto& d) { d.add_probabilities(0); }),
                        ".sparse_draft[1].probabilities: 3 values for 2 token_ids");
  ExpectSequenceRefused(second([](auto& d) { AddUnknown(d); }),
                        std::string(".sparse_draft[1]") + kUnknown);
}

TEST_P(BadDrafts, MasksThatAreNotOneAPosition) {
  ExpectSequenceRefused([](auto& s) { s.add_masks(); },
                        ".masks: 1 entries for 3 positions: send none, or one a position");
  ExpectSequenceRefused(
      [](auto& s) {
        for (int i = 0; i < 3; ++i) s.add_masks();
        s.mutable_masks(2)->set_words("x");
      },
      ".masks[2].words: 1 bytes are not 1 to 1 words of 4 bytes");
  ExpectSequenceRefused(
      [](auto& s) {
        for (int i = 0; i < 3; ++i) AddUnknown(*s.add_masks());
      },
      std::string(".masks[1]") + kUnknown);
}

TEST_P(BadDrafts, UnknownFieldsAtEveryLevel) {
  ExpectRefused([](auto& r) { AddUnknown(r); }, std::string("request") + kUnknown);
  ExpectSequenceRefused([](auto& s) { AddUnknown(s); }, kUnknown);
  ExpectSequenceRefused([](auto& s) { AddUnknown(*s.mutable_state()); },
                        std::string(".state") + kUnknown);
  ExpectSequenceRefused([](auto& s) { AddUnknown(*s.mutable_dense_draft()); },
                        std::string(".dense_draft") + kUnknown);
}

BOLTZMANN_AT_EVERY_DOOR(BadScores);
BOLTZMANN_AT_EVERY_DOOR(BadDescriptions);
BOLTZMANN_AT_EVERY_DOOR(BadDrafts);

}  // namespace
}  // namespace boltzmann::test
