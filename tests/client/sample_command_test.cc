#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "tests/client/fake_server.h"
#include "tests/client/run_command.h"
#include "tests/client/temporary_file.h"

namespace boltzmann::client {
namespace {

using test::AnswerGreedily;
using test::CommandResult;
using test::FakeServer;
using test::RunCommand;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::string_literals;

// `boltzmann sample --logits -` with `flags`.
CommandResult Sample(const FakeServer& server, std::vector<std::string> flags,
                     const std::string& logits) {
  flags.insert(flags.begin(), {"sample", "--server", server.address(), "--logits", "-"});
  return RunCommand(flags, logits);
}

TEST(SampleCommand, SendsTheLogitsOfAFile) {
  FakeServer server(AnswerGreedily);
  const test::TemporaryFile file("rows", "1 2 3\n4 5 6\n");
  const CommandResult result =
      RunCommand({"sample", "--server", server.address(), "--logits", file.path()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const v1::SampleRequest request = server.service().requests().at(0);
  EXPECT_EQ(request.logits().data_type(), v1::DATA_TYPE_FLOAT32);
  EXPECT_EQ(request.logits().vocab_size(), 3u);
  EXPECT_EQ(request.logits().row_count(), 2u);
  EXPECT_THAT(test::InlineLogits(request), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(SampleCommand, LeavesFieldsUnsetWhoseFlagsAreNotGiven) {
  FakeServer server(AnswerGreedily);
  ASSERT_EQ(Sample(server, {}, "1 2").exit_code, 0);
  const v1::SampleRequest request = server.service().requests().at(0);
  EXPECT_EQ(request.params(0).ByteSizeLong(), 0u);
  EXPECT_EQ(request.outputs(0).ByteSizeLong(), 0u);
  EXPECT_EQ(request.rows(0).ByteSizeLong(), 0u);
}

TEST(SampleCommand, SetsFieldsToTheValuesOfTheirFlags) {
  FakeServer server(AnswerGreedily);
  const std::vector<std::string> flags = absl::StrSplit(
      "--temperature .7 --min_p=0.1 --top_k -1 --top_p 0.9 --seed 18446744073709551615 "
      "--position 5 --draw_count 3 --ranks --entropy=true --kept_stats --top_model_count 4 "
      "--top_sampled_count=2 --named_token_ids 1,0 --logprobs sampled",
      ' ');
  const CommandResult result = Sample(server, flags, "1 2\n3 4");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const v1::SampleRequest request = server.service().requests().at(0);
  EXPECT_EQ(request.params(0).temperature(), 0.7);
  EXPECT_EQ(request.params(0).min_p(), 0.1);
  EXPECT_EQ(request.params(0).top_k(), -1);
  EXPECT_EQ(request.params(0).top_p(), 0.9);
  EXPECT_EQ(request.rows(0).seed(), 18446744073709551615u);
  EXPECT_EQ(request.rows(0).position(), 5u);
  EXPECT_EQ(request.rows(0).draw_count(), 3u);
  EXPECT_TRUE(request.outputs(0).ranks());
  EXPECT_TRUE(request.outputs(0).entropy());
  EXPECT_TRUE(request.outputs(0).kept_stats());
  EXPECT_EQ(request.outputs(0).top_model_count(), 4u);
  EXPECT_EQ(request.outputs(0).top_sampled_count(), 2u);
  EXPECT_THAT(request.outputs(0).named_token_ids(), ElementsAre(1, 0));
  EXPECT_EQ(request.outputs(0).logprobs(), v1::LOGPROB_MODE_SAMPLED);
}

TEST(SampleCommand, SetsListsToTheValuesOfTheirFlags) {
  FakeServer server(AnswerGreedily);
  const CommandResult result =
      Sample(server,
             {"--filter_order", "top_k, temperature", "--logit_bias", "5:1.5,7:-inf",
              "--banned_sequences", "5,6/7", "--dry_sequence_breakers", "8 9", "--stop_token_ids",
              "3,4", "--prompt_token_ids", "1,2,1", "--output_token_ids", "7"},
             "1 2\n3 4");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const v1::SampleRequest request = server.service().requests().at(0);
  const v1::SamplingParams& params = request.params(0);
  EXPECT_THAT(params.filter_order(), ElementsAre("top_k", "temperature"));
  EXPECT_THAT(params.logit_bias().token_ids(), ElementsAre(5, 7));
  EXPECT_THAT(params.logit_bias().biases(),
              ElementsAre(1.5, -std::numeric_limits<double>::infinity()));
  ASSERT_EQ(params.banned_sequences_size(), 2);
  EXPECT_THAT(params.banned_sequences(0).token_ids(), ElementsAre(5, 6));
  EXPECT_THAT(params.banned_sequences(1).token_ids(), ElementsAre(7));
  EXPECT_THAT(params.dry_sequence_breakers(0).token_ids(), ElementsAre(8, 9));
  EXPECT_THAT(params.stop_token_ids(), ElementsAre(3, 4));
  for (const v1::RowState& row : request.rows()) {
    EXPECT_THAT(row.prompt_token_ids(), ElementsAre(1, 2, 1));
    EXPECT_THAT(row.output_token_ids(), ElementsAre(7));
  }
}

TEST(SampleCommand, GivesOneMaskToAllRowsOrOneToEach) {
  FakeServer server(AnswerGreedily);
  const test::TemporaryFile one("mask", "1\n");
  const test::TemporaryFile two("mask", "1\n2\n");
  for (const std::string& path : {one.path(), two.path()}) {
    const CommandResult result = Sample(server, {"--allowed_token_mask", path}, "1 2\n3 4");
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }
  const std::vector<v1::SampleRequest> requests = server.service().requests();
  EXPECT_EQ(requests.at(0).rows(0).allowed_token_mask(), std::string("\1\0\0\0", 4));
  EXPECT_EQ(requests.at(0).rows(1).allowed_token_mask(), std::string("\1\0\0\0", 4));
  EXPECT_EQ(requests.at(1).rows(0).allowed_token_mask(), std::string("\1\0\0\0", 4));
  EXPECT_EQ(requests.at(1).rows(1).allowed_token_mask(), std::string("\2\0\0\0", 4));
}

TEST(SampleCommand, RefusesAnotherNumberOfMasks) {
  FakeServer server(AnswerGreedily);
  const test::TemporaryFile file("mask", "1\n2\n");
  const CommandResult result =
      Sample(server, {"--allowed_token_mask", file.path()}, "1 2\n3 4\n5 6");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err, "boltzmann: " + file.path() +
                            ": there are 2 masks for 3 rows: give one for all rows, or one a "
                            "row\n");
}

TEST(SampleCommand, SendsTheLargestLogitsOfSparseRows) {
  FakeServer server([](auto&, const auto&, v1::SampleResponse& response) {
    response.add_results()->set_status(v1::ROW_STATUS_OK);
    return grpc::Status::OK;
  });
  const CommandResult result =
      Sample(server, {"--sparse_count", "2", "--send_as", "bfloat16"}, "1 3 2");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const v1::Logits logits = server.service().requests().at(0).logits();
  EXPECT_EQ(logits.vocab_size(), 3u);
  EXPECT_EQ(logits.row_count(), 1u);
  EXPECT_TRUE(logits.inline_data().empty());
  ASSERT_EQ(logits.sparse_rows().rows_size(), 1);
  EXPECT_THAT(logits.sparse_rows().rows(0).token_ids(), ElementsAre(1, 2));
  EXPECT_EQ(logits.sparse_rows().rows(0).logits(), "\x40\x40\x00\x40"s);
  EXPECT_NEAR(logits.sparse_rows().rows(0).log_sum_exp(), 3.4076059644443806, 1e-12);
  EXPECT_EQ(Sample(server, {"--sparse_count", "0"}, "1").exit_code, 2);
}

// Such a row was answered from what was sent.
TEST(SampleCommand, TakesRowsWhoseCandidatesAreExhaustedAndShowsTheStatus) {
  FakeServer server([](auto&, const auto&, v1::SampleResponse& response) {
    v1::RowResult& result = *response.add_results();
    result.set_status(v1::ROW_STATUS_CANDIDATES_EXHAUSTED);
    result.set_message("send more candidates");
    result.mutable_drawn()->add_token_ids(1);
    return grpc::Status::OK;
  });
  const CommandResult result = Sample(server, {"--sparse_count", "1"}, "1 2");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, HasSubstr("CANDIDATES_EXHAUSTED     0  drawn      1\n"));
}

TEST(SampleCommand, PrintsMirostatsStateWithAllItsDigits) {
  FakeServer server([](auto&, const auto&, v1::SampleResponse& response) {
    v1::RowResult& result = *response.add_results();
    result.set_status(v1::ROW_STATUS_OK);
    result.set_mirostat_mu(9.8765432109876543);
    return grpc::Status::OK;
  });
  EXPECT_THAT(Sample(server, {}, "1 2").out, HasSubstr("row        mirostat_mu\n"
                                                       "  0  9.876543210987654\n"));
}

TEST(SampleCommand, CountsTheSeedUpByRowAndWrapsAround) {
  FakeServer server(AnswerGreedily);
  ASSERT_EQ(Sample(server, {"--seed", "18446744073709551615"}, "1\n2\n3").exit_code, 0);
  const v1::SampleRequest request = server.service().requests().at(0);
  EXPECT_EQ(request.rows(0).seed(), 18446744073709551615u);
  EXPECT_EQ(request.rows(1).seed(), 0u);
  EXPECT_EQ(request.rows(2).seed(), 1u);
}

TEST(SampleCommand, ConvertsTheLogitsBeforeSending) {
  FakeServer server([](auto&, const auto&, v1::SampleResponse& response) {
    response.add_results()->set_status(v1::ROW_STATUS_OK);
    return grpc::Status::OK;
  });
  ASSERT_EQ(Sample(server, {"--send_as", "float16"}, "1 -2").exit_code, 0);
  ASSERT_EQ(Sample(server, {"--send_as", "bfloat16"}, "1 -2").exit_code, 0);
  const auto requests = server.service().requests();
  EXPECT_EQ(requests.at(0).logits().data_type(), v1::DATA_TYPE_FLOAT16);
  EXPECT_EQ(requests.at(0).logits().inline_data(), std::string("\x00\x3c\x00\xc0", 4));
  EXPECT_EQ(requests.at(1).logits().data_type(), v1::DATA_TYPE_BFLOAT16);
  EXPECT_EQ(requests.at(1).logits().inline_data(), std::string("\x80\x3f\x00\xc0", 4));
}

TEST(SampleCommand, RefusesWordsThatItDoesNotKnow) {
  FakeServer server(AnswerGreedily);
  EXPECT_EQ(RunCommand({"sample"}).exit_code, 2);
  for (const std::vector<std::string>& flags : {std::vector<std::string>{"--send_as", "int8"},
                                                {"--logprobs", "all"},
                                                {"--named_token_ids", "1,x"},
                                                {"--logit_bias", "1"},
                                                {"--banned_sequences", "1;2"},
                                                {"--mirostat_mu", "high"},
                                                {"--min_tokens", "-1"}}) {
    EXPECT_EQ(Sample(server, flags, "1 2").exit_code, 2) << flags[0];
  }
  EXPECT_TRUE(server.service().requests().empty());
}

TEST(SampleCommand, PrintsATableWithoutEmptyColumns) {
  FakeServer server(AnswerGreedily);
  const CommandResult result = Sample(server, {"--seed", "9"}, "1 2\n4 3");
  EXPECT_EQ(result.out,
            "row  status  seed   list  token  model_logprob\n"
            "  0      OK     9  drawn      1      -0.250000\n"
            "  1      OK    10  drawn      0      -0.250000\n");
}

TEST(SampleCommand, PrintsStatisticsInATableOfTheirOwn) {
  FakeServer server([](auto&, const auto&, v1::SampleResponse& response) {
    v1::RowResult& result = *response.add_results();
    result.set_status(v1::ROW_STATUS_OK);
    result.set_model_entropy(1.5f);
    result.set_sampled_entropy(0.5f);
    result.set_kept_count(3);
    result.set_kept_mass(0.75f);
    return grpc::Status::OK;
  });
  EXPECT_THAT(Sample(server, {}, "1 2").out,
              HasSubstr("row  model_entropy  sampled_entropy  kept_count  kept_mass\n"
                        "  0       1.500000         0.500000           3   0.750000\n"));
}

TEST(SampleCommand, PrintsTheReplyAsJsonThatParsesBack) {
  FakeServer server(AnswerGreedily);
  const CommandResult result = Sample(server, {"--format", "json"}, "1 2");
  v1::SampleResponse response;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(result.out, &response).ok());
  EXPECT_EQ(response.results(0).drawn().token_ids(0), 1);
  EXPECT_THAT(result.out, HasSubstr("\"token_ids\""));
  EXPECT_THAT(result.out, HasSubstr("\"message\": \"\""));
}

TEST(SampleCommand, PrintsEverythingAndExitsWithOneIfARowIsBad) {
  FakeServer server([](grpc::ServerContext& context, const auto& request, auto& response) {
    AnswerGreedily(context, request, response);
    v1::RowResult& bad = *response.mutable_results(1);
    bad.set_status(v1::ROW_STATUS_NAN_LOGIT);
    bad.set_message("the logit of token 0 is NaN");
    bad.mutable_drawn()->set_token_ids(0, -1);
    bad.mutable_drawn()->clear_model_logprobs();
    return grpc::Status::OK;
  });
  const CommandResult result = Sample(server, {"--seed", "1"}, "1 2\nnan 2\n2 1");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("  1  NAN_LOGIT     2  drawn     -1\n"));
  EXPECT_THAT(result.out, HasSubstr("  2         OK     3  drawn      0      -0.250000\n"));
  EXPECT_EQ(result.err,
            "boltzmann: 1 of 3 rows could not be sampled:\n"
            "row 1: NAN_LOGIT: the logit of token 0 is NaN\n");
}

TEST(SampleCommand, ExitsWithOneIfTheServerRefuses) {
  FakeServer server(test::AnswerAlways({grpc::INVALID_ARGUMENT, "params[0].top_p: 2 is too much"}));
  const CommandResult result = Sample(server, {}, "1 2");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "boltzmann: the call to " + server.address() +
                            " failed: INVALID_ARGUMENT: params[0].top_p: 2 is too much\n");
}

TEST(SampleCommand, ExitsWithOneIfTheLogitsCannotBeRead) {
  FakeServer server(AnswerGreedily);
  const CommandResult result = Sample(server, {}, "one two");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err, "boltzmann: standard input: line 1: 'one' is not a number\n");
}

}  // namespace
}  // namespace boltzmann::client
