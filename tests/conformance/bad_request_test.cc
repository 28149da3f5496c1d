// Every rule of the API, broken: the call is refused, and every broken rule is named.
#include <cmath>
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

using testing::AllOf;
using testing::HasSubstr;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Three rows of four tokens.
v1::SampleRequest ThreeRows() { return RequestOf({{1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}}); }

class BadRequests : public Conformance {
 protected:
  // What a valid request is answered with once `spoil` has changed it.
  absl::Status Spoiled(const std::function<void(v1::SampleRequest&)>& spoil) {
    v1::SampleRequest request = ThreeRows();
    spoil(request);
    return Sample(request).status();
  }

  void ExpectRefused(const std::function<void(v1::SampleRequest&)>& spoil,
                     const std::string& violation) {
    const absl::Status status = Spoiled(spoil);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << violation;
    EXPECT_THAT(std::string(status.message()), HasSubstr(violation));
  }

  void ExpectParamRefused(const std::function<void(v1::SamplingParams&)>& spoil,
                          const std::string& violation) {
    ExpectRefused(
        [&](v1::SampleRequest& request) {
          for (int i = 0; i < 3; ++i) request.add_params();
          spoil(*request.mutable_params(2));
        },
        "params[2]." + violation);
  }
};

TEST_P(BadRequests, ParametersJustOutsideTheirRanges) {
  const auto temperature = [](double t) { return [t](auto& p) { p.set_temperature(t); }; };
  ExpectParamRefused(temperature(-1e-9), "temperature: -1e-09 is outside [0, inf)");
  ExpectParamRefused(temperature(kInf), "temperature: inf is outside [0, inf)");
  ExpectParamRefused(temperature(kNan), "temperature: nan is outside [0, inf)");
  const auto top_p = [](double value) { return [value](auto& p) { p.set_top_p(value); }; };
  ExpectParamRefused(top_p(0), "top_p: 0 is outside (0, 1]");
  ExpectParamRefused(top_p(1.7), "top_p: 1.7 is outside (0, 1]");
  ExpectParamRefused(top_p(std::nextafter(1, 2)), "top_p: 1.0000000000000002 is outside (0, 1]");
  ExpectParamRefused(top_p(kNan), "top_p: nan is outside (0, 1]");
  const auto min_p = [](double value) { return [value](auto& p) { p.set_min_p(value); }; };
  ExpectParamRefused(min_p(-.1), "min_p: -0.1 is outside [0, 1]");
  ExpectParamRefused(min_p(1.5), "min_p: 1.5 is outside [0, 1]");
  ExpectParamRefused([](auto& p) { p.set_top_k(-2); }, "top_k: -2 is outside [-1, 2147483647]");
}

TEST_P(BadRequests, NumbersOfTheOtherStagesOutsideTheirRanges) {
  ExpectParamRefused([](auto& p) { p.set_typical_p(0); }, "typical_p: 0 is outside (0, 1]");
  ExpectParamRefused([](auto& p) { p.set_epsilon_cutoff(1); },
                     "epsilon_cutoff: 1 is outside [0, 1)");
  ExpectParamRefused([](auto& p) { p.set_eta_cutoff(-.5); }, "eta_cutoff: -0.5 is outside [0, 1)");
  ExpectParamRefused([](auto& p) { p.set_top_n_sigma(kInf); },
                     "top_n_sigma: inf is outside [0, inf)");
  ExpectParamRefused([](auto& p) { p.set_xtc_probability(1.5); },
                     "xtc_probability: 1.5 is outside [0, 1]");
  ExpectParamRefused([](auto& p) { p.set_xtc_threshold(kNan); },
                     "xtc_threshold: nan is outside [0, 1]");
  ExpectParamRefused([](auto& p) { p.set_dynamic_temperature_range(-1); },
                     "dynamic_temperature_range: -1 is outside [0, inf)");
  ExpectParamRefused([](auto& p) { p.set_dynamic_temperature_exponent(0); },
                     "dynamic_temperature_exponent: 0 is outside (0, inf)");
  ExpectParamRefused([](auto& p) { p.set_mirostat(3); }, "mirostat: 3 is outside [0, 2]");
  ExpectParamRefused([](auto& p) { p.set_mirostat_tau(-1); },
                     "mirostat_tau: -1 is outside [0, inf)");
  ExpectParamRefused([](auto& p) { p.set_mirostat_eta(kInf); },
                     "mirostat_eta: inf is outside [0, inf)");
}

TEST_P(BadRequests, FilterOrdersThatAreNone) {
  const auto order = [](std::vector<const char*> names) {
    return [names](v1::SamplingParams& p) {
      for (const char* name : names) p.add_filter_order(name);
    };
  };
  ExpectParamRefused(order({"top_k", "top_q"}), "filter_order[1]: 'top_q' is no stage");
  ExpectParamRefused(order({"min_p", "min_p"}), "filter_order[1]: min_p is listed twice");
  ExpectParamRefused(order(std::vector<const char*>(100, "min_p")),
                     "filter_order[11]: min_p is listed twice");
  ExpectParamRefused(order({"top_k_top_p", "top_k"}), "filter_order: lists both top_k_top_p");
  ExpectParamRefused(
      [&](auto& p) {
        order({"temperature", "top_k"})(p);
        p.set_min_p(.1);
      },
      "filter_order: does not list min_p, which is set");
}

TEST_P(BadRequests, EditsOutsideTheirRanges) {
  ExpectParamRefused([](auto& p) { p.set_repetition_penalty(0); },
                     "repetition_penalty: 0 is outside (0, inf)");
  ExpectParamRefused([](auto& p) { p.set_frequency_penalty(2.5); },
                     "frequency_penalty: 2.5 is outside [-2, 2]");
  ExpectParamRefused([](auto& p) { p.set_presence_penalty(-3); },
                     "presence_penalty: -3 is outside [-2, 2]");
  ExpectParamRefused([](auto& p) { p.set_dry_multiplier(-1); },
                     "dry_multiplier: -1 is outside [0, inf)");
  ExpectParamRefused([](auto& p) { p.set_dry_base(.5); }, "dry_base: 0.5 is outside [1, inf)");
  ExpectParamRefused([](auto& p) { p.set_dry_allowed_length(0); },
                     "dry_allowed_length: 0 is outside [1, 2147483647]");
  ExpectParamRefused([](auto& p) { p.set_min_tokens(3); }, "min_tokens: 3 needs stop_token_ids");
}

TEST_P(BadRequests, TokensThatAreNoneInEveryListOfTheParameters) {
  ExpectParamRefused([](auto& p) { p.add_allowed_token_ids(4); },
                     "allowed_token_ids[0]: 4 is outside [0, 4)");
  ExpectParamRefused([](auto& p) { p.add_banned_token_ids(-1); },
                     "banned_token_ids[0]: -1 is outside [0, 4)");
  ExpectParamRefused([](auto& p) { p.add_stop_token_ids(9); },
                     "stop_token_ids[0]: 9 is outside [0, 4)");
  ExpectParamRefused([](auto& p) { p.add_banned_sequences()->add_token_ids(7); },
                     "banned_sequences[0].token_ids[0]: 7 is outside [0, 4)");
  ExpectParamRefused([](auto& p) { p.add_banned_sequences(); },
                     "banned_sequences[0].token_ids: is empty");
  ExpectParamRefused([](auto& p) { p.add_dry_sequence_breakers()->add_token_ids(8); },
                     "dry_sequence_breakers[0].token_ids[0]: 8 is outside [0, 4)");
  ExpectParamRefused([](auto& p) { p.add_dry_sequence_breakers(); },
                     "dry_sequence_breakers[0].token_ids: is empty");
}

TEST_P(BadRequests, LogitBiasesWhoseColumnsDoNotFit) {
  const auto bias = [](std::vector<int32_t> ids, std::vector<double> biases) {
    return [=](v1::SamplingParams& p) {
      p.mutable_logit_bias()->mutable_token_ids()->Add(ids.begin(), ids.end());
      p.mutable_logit_bias()->mutable_biases()->Add(biases.begin(), biases.end());
    };
  };
  ExpectParamRefused(bias({4}, {1}), "logit_bias.token_ids[0]: 4 is outside [0, 4)");
  ExpectParamRefused(bias({1, 2}, {1}), "logit_bias.biases: 1 values for 2 token_ids");
  ExpectParamRefused(bias({1}, {kNan}), "logit_bias.biases[0]: nan is outside [-inf, inf]");
  ExpectParamRefused(bias({1, 2, 1}, {1, 2, 3}), "logit_bias.token_ids: token 1 has several");
}

TEST_P(BadRequests, HistoriesMasksAndMirostatStatesOutsideTheirRanges) {
  const auto row = [](const std::function<void(v1::RowState&)>& spoil) {
    return [spoil](v1::SampleRequest& r) {
      for (int i = 0; i < 3; ++i) r.add_rows();
      spoil(*r.mutable_rows(1));
    };
  };
  ExpectRefused(row([](auto& s) { s.add_prompt_token_ids(4); }),
                "rows[1].prompt_token_ids[0]: 4 is outside [0, 4)");
  ExpectRefused(row([](auto& s) { s.add_output_token_ids(-1); }),
                "rows[1].output_token_ids[0]: -1 is outside [0, 4)");
  for (size_t bytes : {0, 1, 3, 5, 8}) {
    ExpectRefused(row([&](auto& s) { s.set_allowed_token_mask(std::string(bytes, '\xff')); }),
                  "rows[1].allowed_token_mask: " + std::to_string(bytes) +
                      " bytes are not 1 to 1 words of 4 bytes");
  }
  ExpectRefused(row([](auto& s) { s.set_mirostat_mu(kInf); }), "rows[1].mirostat_mu: inf is");
  ExpectRefused(
      [&](auto& r) {
        row([](auto& s) { s.set_draw_count(2); })(r);
        r.add_params()->set_mirostat(2);
      },
      "rows[1].draw_count: 2 draws cannot move mirostat_mu on");
}

TEST_P(BadRequests, ParametersAtTheEdgesOfTheirRangesAreTaken) {
  const auto taken = [&](double t, double top_p, double min_p, int top_k) {
    const absl::Status status = Spoiled([&](v1::SampleRequest& request) {
      auto& params = *request.add_params();
      params.set_temperature(t);
      params.set_top_p(top_p);
      params.set_min_p(min_p);
      params.set_top_k(top_k);
    });
    EXPECT_TRUE(status.ok()) << status;
  };
  taken(0, 1, 0, -1);
  taken(std::numeric_limits<double>::max(), std::numeric_limits<double>::denorm_min(), 1,
        std::numeric_limits<int32_t>::max());
  taken(std::numeric_limits<double>::denorm_min(), 1, std::numeric_limits<double>::denorm_min(), 0);
  taken(1e-5, .5, .5, 1);
}

TEST_P(BadRequests, OutputsAndRowsOutsideTheirRanges) {
  ExpectRefused([](auto& r) { r.add_outputs()->set_top_model_count(5); },
                "outputs[0].top_model_count: 5 is outside [0, 4]");
  ExpectRefused([](auto& r) { r.add_outputs()->set_top_sampled_count(5); },
                "outputs[0].top_sampled_count: 5 is outside [0, 4]");
  ExpectRefused([](auto& r) { r.add_outputs()->add_named_token_ids(4); },
                "outputs[0].named_token_ids[0]: 4 is outside [0, 4)");
  ExpectRefused([](auto& r) { r.add_outputs()->add_named_token_ids(-1); },
                "outputs[0].named_token_ids[0]: -1 is outside [0, 4)");
  ExpectRefused([](auto& r) { r.add_outputs()->set_logprobs(static_cast<v1::LogprobMode>(9)); },
                "outputs[0].logprobs: 9 is not a LogprobMode");
  const auto draws = [](uint32_t count) {
    return [count](auto& r) {
      for (int i = 0; i < 3; ++i) r.add_rows();
      r.mutable_rows(1)->set_draw_count(count);
    };
  };
  ExpectRefused(draws(0), "rows[1].draw_count: 0 is outside [1, 1048576]");
  ExpectRefused(draws(1048577), "rows[1].draw_count: 1048577 is outside [1, 1048576]");
}

TEST_P(BadRequests, WrongNumbersOfEntries) {
  ExpectRefused([](auto& r) { r.add_params(), r.add_params(); },
                "params: 2 entries for 3 rows: send none, one for all, or one a row");
  ExpectRefused([](auto& r) { r.add_outputs(), r.add_outputs(); },
                "outputs: 2 entries for 3 rows: send none, one for all, or one a row");
  ExpectRefused([](auto& r) { r.add_rows(); },
                "rows: 1 entries for 3 rows: send none, or one a row");
}

TEST_P(BadRequests, LogitsOfTheWrongShape) {
  const auto logits = [](const std::function<void(v1::Logits&)>& spoil) {
    return [spoil](v1::SampleRequest& r) { spoil(*r.mutable_logits()); };
  };
  ExpectRefused(logits([](auto& l) { l.clear_data_type(); }),
                "logits.data_type: 0 is not one of FLOAT32 (1), FLOAT16 (2), BFLOAT16 (3)");
  ExpectRefused(logits([](auto& l) { l.set_data_type(static_cast<v1::DataType>(4)); }),
                "logits.data_type: 4 is not one of");
  ExpectRefused(logits([](auto& l) { l.set_vocab_size(0); }),
                "logits.vocab_size: 0 is outside [1, 2147483647]");
  ExpectRefused(logits([](auto& l) { l.set_row_count(0); }),
                "logits.row_count: 0 is outside [1, 2147483647]");
  ExpectRefused(logits([](auto& l) { l.set_row_count(~0u); }),
                "logits.row_count: 4294967295 is outside [1, 2147483647]");
  ExpectRefused(logits([](auto& l) { l.clear_inline_data(); }), "logits.source: is not set");
  ExpectRefused(logits([](auto& l) { l.set_row_stride_bytes(15); }),
                "logits.row_stride_bytes: 15 is less than a row of 16 bytes (4 x float32)");
  ExpectRefused([](auto& r) { r.clear_logits(); }, "logits.vocab_size: 0 is outside");
}

TEST_P(BadRequests, ByteCountsThatAreNotTheRows) {
  for (size_t bytes : {0, 1, 47, 49, 96}) {
    ExpectRefused([&](auto& r) { r.mutable_logits()->mutable_inline_data()->resize(bytes, 'x'); },
                  "logits.inline_data: " + std::to_string(bytes) +
                      " bytes are not 3 rows of 4 x float32, 16 bytes apart");
  }
}

TEST_P(BadRequests, ShapesWhoseProductsOverflowAreRefused) {
  const auto shape = [](uint32_t rows, uint32_t vocab, uint64_t stride) {
    return [=](v1::SampleRequest& r) {
      r.mutable_logits()->set_row_count(rows);
      r.mutable_logits()->set_vocab_size(vocab);
      r.mutable_logits()->set_row_stride_bytes(stride);
    };
  };
  // Each product is 48, the bytes that are there, modulo 2^64.
  ExpectRefused(shape(3, 4, (uint64_t{1} << 63) + 16), "logits.inline_data: 48 bytes are not");
  ExpectRefused(shape(5, 4, (uint64_t{1} << 62) + 8), "logits.inline_data: 48 bytes are not");
  ExpectRefused(shape(0x7FFFFFFF, 0x7FFFFFFF, 0), "logits.inline_data: 48 bytes are not");
}

TEST_P(BadRequests, EveryViolationIsListed) {
  const absl::Status status = Spoiled([](v1::SampleRequest& request) {
    for (int i = 0; i < 3; ++i) request.add_params()->set_top_p(2 + i);
    request.mutable_params(1)->set_min_p(-1);
    request.add_outputs()->add_named_token_ids(99);
    request.mutable_logits()->set_row_stride_bytes(3);
  });
  EXPECT_THAT(
      std::string(status.message()),
      AllOf(HasSubstr("logits.row_stride_bytes: 3 is"), HasSubstr("params[0].top_p: 2 is"),
            HasSubstr("params[1].top_p: 3 is"), HasSubstr("params[1].min_p: -1 is"),
            HasSubstr("params[2].top_p: 4 is"), HasSubstr("outputs[0].named_token_ids[0]: 99 is")));
}

TEST_P(BadRequests, MoreViolationsThanAHeaderHoldsAreCounted) {
  v1::SampleRequest request = RequestOf(std::vector<std::vector<float>>(1000, {0, 1}));
  for (int i = 0; i < 1000; ++i) request.add_params()->set_top_p(7);
  const absl::Status status = Sample(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("params[0].top_p: 7 is outside (0, 1]"));
}

TEST_P(BadRequests, FieldsThatThisServerDoesNotKnowAreRefusedAtEveryLevel) {
  const auto add = [](google::protobuf::Message& message) {
    message.GetReflection()->MutableUnknownFields(&message)->AddVarint(1234, 1);
  };
  const std::string text = "field number 1234 is not known to this server";
  ExpectRefused([&](auto& r) { add(r); }, "request: " + text);
  ExpectRefused([&](auto& r) { add(*r.mutable_logits()); }, "logits: " + text);
  ExpectRefused([&](auto& r) { add(*r.add_params()); }, "params[0]: " + text);
  ExpectRefused([&](auto& r) { add(*r.add_params()->mutable_logit_bias()); },
                "params[0].logit_bias: " + text);
  ExpectRefused(
      [&](auto& r) {
        r.add_params()->add_banned_sequences()->add_token_ids(1);
        add(*r.mutable_params(0)->add_banned_sequences());
      },
      "params[0].banned_sequences[1]: " + text);
  ExpectRefused([&](auto& r) { add(*r.add_params()->add_dry_sequence_breakers()); },
                "params[0].dry_sequence_breakers[0]: " + text);
  ExpectRefused([&](auto& r) { add(*r.add_outputs()); }, "outputs[0]: " + text);
  ExpectRefused([&](auto& r) { add(*r.mutable_logits()->mutable_sparse_rows()); },
                "logits.sparse_rows: " + text);
  ExpectRefused(
      [&](auto& r) {
        for (int i = 0; i < 3; ++i) add(*r.add_rows());
      },
      "rows[2]: " + text);
}

TEST_P(BadRequests, SizesBeyondTheLimitsAreExhausted) {
  const auto expect_exhausted = [&](const v1::SampleRequest& request, const std::string& text) {
    const absl::Status status = Sample(request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  };
  expect_exhausted(RequestOf(std::vector<std::vector<float>>(1025, {0})),
                   "logits.row_count: 1025 exceeds this server's limit of 1024");
  expect_exhausted(RequestOf({std::vector<float>((1 << 20) + 1, 0)}),
                   "logits.vocab_size: 1048577 exceeds this server's limit of 1048576");
  v1::SampleRequest request = RequestOf(std::vector<std::vector<float>>(5, {0}));
  for (int i = 0; i < 5; ++i) request.add_rows()->set_draw_count(1 << 20);
  expect_exhausted(request, "5242880 exceeds this server's limit of 4194304");
}

BOLTZMANN_AT_EVERY_DOOR(BadRequests);

}  // namespace
}  // namespace boltzmann::test
