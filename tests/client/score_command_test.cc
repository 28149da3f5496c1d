#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/client/fake_server.h"
#include "tests/client/run_command.h"

namespace boltzmann::client {
namespace {

using test::AnswerGreedily;
using test::CommandResult;
using test::FakeServer;
using test::RunCommand;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

void AddResult(int32_t token, float model, float sampled, int32_t rank,
               v1::ScoreResponse& response) {
  v1::RowResult& result = *response.add_results();
  result.set_status(v1::ROW_STATUS_OK);
  result.mutable_drawn()->add_token_ids(token);
  result.mutable_drawn()->add_model_logprobs(model);
  result.mutable_drawn()->add_sampled_logprobs(sampled);
  result.mutable_drawn()->add_ranks(rank);
}

// Two rows.
v1::ScoreResponse Scores() {
  v1::ScoreResponse response;
  AddResult(17, -0.5f, -0.25f, 1, response);
  AddResult(4, -1.5f, -std::numeric_limits<float>::infinity(), 12, response);
  response.set_scored_row_count(2);
  response.set_mean_negative_log_likelihood(1);
  response.set_perplexity(2.718281828);
  return response;
}

v1::ScoreResponse ScoresWithFit(bool at_limit) {
  v1::ScoreResponse response = Scores();
  v1::TemperatureFit& fit = *response.mutable_temperature_fit();
  fit.set_temperature(1.25);
  fit.set_at_limit(at_limit);
  fit.set_negative_log_likelihood_before(1);
  fit.set_negative_log_likelihood_after(0.75);
  fit.set_expected_calibration_error_before(0.5);
  fit.set_expected_calibration_error_after(0.125);
  return response;
}

class ScoreCommand : public testing::Test {
 protected:
  CommandResult Score(std::vector<std::string> flags, const std::string& logits = "1 2\n3 4") {
    flags.insert(flags.begin(), {"score", "--server", server_.address(), "--logits", "-"});
    return RunCommand(flags, logits);
  }

  void AnswerWith(const v1::ScoreResponse& answer) {
    server_.service().score.AnswerWith([answer](auto&, const auto&, v1::ScoreResponse& response) {
      response = answer;
      return grpc::Status::OK;
    });
  }

  std::vector<v1::ScoreRequest> requests() { return server_.service().score.requests(); }

  FakeServer server_{AnswerGreedily};
};

TEST_F(ScoreCommand, SendsTheTokensAndAsksForTheirRanks) {
  ASSERT_EQ(Score({"--token_ids", "1,0", "--temperature", ".5"}).exit_code, 0);
  ASSERT_EQ(Score({"--token_ids", "1 0", "--fit_temperature"}).exit_code, 0);
  EXPECT_THAT(requests().at(0).token_ids(), ElementsAre(1, 0));
  EXPECT_EQ(requests().at(0).logits().row_count(), 2u);
  EXPECT_EQ(requests().at(0).params(0).temperature(), 0.5);
  EXPECT_TRUE(requests().at(0).outputs(0).ranks());
  EXPECT_FALSE(requests().at(0).fit_temperature());
  EXPECT_EQ(requests().at(0).rows_size(), 2);
  EXPECT_TRUE(requests().at(1).fit_temperature());
}

TEST_F(ScoreCommand, PrintsEachRowAndThenTheFigures) {
  AnswerWith(Scores());
  const CommandResult result = Score({"--token_ids", "17,4"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out,
            "row  status  token  model_logprob  sampled_logprob  rank\n"
            "  0      OK     17      -0.500000        -0.250000     1\n"
            "  1      OK      4      -1.500000             -inf    12\n"
            "\n"
            "scored_row_count              2\n"
            "mean_negative_log_likelihood  1.000000\n"
            "perplexity                    2.718282\n");
}

TEST_F(ScoreCommand, PrintsTheFitOfTheTemperature) {
  AnswerWith(ScoresWithFit(false));
  const std::string out = Score({"--token_ids", "17,4", "--fit_temperature"}).out;
  EXPECT_THAT(out, HasSubstr("\n\n"
                             "   fit  temperature  negative_log_likelihood  "
                             "expected_calibration_error\n"
                             "before     1.000000                 1.000000  "
                             "                  0.500000\n"
                             " after     1.250000                 0.750000  "
                             "                  0.125000\n"));
  EXPECT_THAT(out, Not(HasSubstr("still rises")));
}

TEST_F(ScoreCommand, SaysWhetherTheFitIsTheEndOfItsRange) {
  AnswerWith(ScoresWithFit(true));
  EXPECT_THAT(Score({"--token_ids", "17,4"}).out, HasSubstr("The likelihood still rises"));
}

TEST_F(ScoreCommand, PrintsTheReplyAsJsonThatParsesBack) {
  AnswerWith(ScoresWithFit(true));
  v1::ScoreResponse response;
  const std::string json = Score({"--token_ids", "17,4", "--format", "json"}).out;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &response).ok());
  EXPECT_EQ(response.results(1).drawn().ranks(0), 12);
  EXPECT_EQ(response.temperature_fit().temperature(), 1.25);
}

TEST_F(ScoreCommand, LeavesTheMeansOutIfNoRowCouldBeScored) {
  v1::ScoreResponse response;
  for (int i = 0; i < 2; ++i) {
    v1::RowResult& result = *response.add_results();
    result.set_status(v1::ROW_STATUS_NO_ALLOWED_TOKEN);
    result.set_message("every logit is -infinity");
    result.mutable_drawn()->add_token_ids(-1);
  }
  AnswerWith(response);
  const CommandResult result = Score({"--token_ids", "1,1"}, "-inf -inf\n-inf -inf");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("\n\nscored_row_count              0\n"));
  EXPECT_THAT(result.out, Not(HasSubstr("perplexity")));
  EXPECT_THAT(result.err, HasSubstr("2 of 2 rows could not be scored:\nrow 0: NO_ALLOWED_TOKEN: "));
}

TEST_F(ScoreCommand, RefusesWhatItCannotDo) {
  EXPECT_EQ(RunCommand({"score", "--token_ids", "1"}).exit_code, 2);
  EXPECT_THAT(Score({}).err, HasSubstr("--token_ids is missing"));
  EXPECT_EQ(Score({}).exit_code, 2);
  EXPECT_EQ(Score({"--token_ids", "1,x"}).exit_code, 2);
  EXPECT_EQ(Score({"--token_ids", "1", "--sparse_count", "2"}).exit_code, 2);
  EXPECT_EQ(Score({"--token_ids", "1", "--draw_count", "2"}).exit_code, 2);
  EXPECT_EQ(Score({"--token_ids", "1", "rows.npy"}).exit_code, 2);
  EXPECT_TRUE(requests().empty());
}

TEST_F(ScoreCommand, ExitsWithOneIfTheServerRefuses) {
  server_.service().score.AnswerWith([](auto&, const auto&, auto&) {
    return grpc::Status(grpc::INVALID_ARGUMENT, "token_ids: has 1 entry for 2 rows");
  });
  const CommandResult result = Score({"--token_ids", "1"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("token_ids: has 1 entry for 2 rows"));
}

}  // namespace
}  // namespace boltzmann::client
