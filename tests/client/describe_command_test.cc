#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

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
using ::testing::HasSubstr;

void AddStage(const std::string& name, uint32_t token_count, float mass, float entropy,
              double temperature, v1::RowDescription& row) {
  v1::StageReport& stage = *row.add_stages();
  stage.set_stage(name);
  stage.set_token_count(token_count);
  stage.set_mass(mass);
  stage.set_entropy(entropy);
  stage.set_temperature(temperature);
}

void AddToken(int32_t id, float model, float sampled, v1::ProbabilityTable& table) {
  table.add_token_ids(id);
  table.add_model_probabilities(model);
  table.add_sampled_probabilities(sampled);
}

// A row that has everything.
v1::RowDescription Description() {
  v1::RowDescription row;
  row.set_status(v1::ROW_STATUS_OK);
  row.set_model_entropy(1.5f);
  row.set_sampled_entropy(0.25f);
  row.set_kept_count(2);
  row.set_kept_mass(0.75f);
  AddStage("edits", 3, 1, 1.5f, 1, row);
  AddStage("temperature", 3, 1, 1.25f, 0.7, row);
  AddStage("top_p", 2, 0.75f, 0.25f, 0.7, row);
  AddToken(1, 0.5f, 0.75f, *row.mutable_top_model());
  AddToken(1, 0.5f, 0.75f, *row.mutable_top_sampled());
  AddToken(0, 1e-8f, 0.25f, *row.mutable_top_sampled());
  return row;
}

auto AnswerWithDescription(const v1::RowDescription& row) {
  return [row](auto&, const auto&, v1::DescribeResponse& response) {
    *response.add_descriptions() = row;
    return grpc::Status::OK;
  };
}

class DescribeCommand : public testing::Test {
 protected:
  CommandResult Describe(std::vector<std::string> flags, const std::string& logits = "1 2 3") {
    flags.insert(flags.begin(), {"describe", "--server", server_.address(), "--logits", "-"});
    return RunCommand(flags, logits);
  }

  v1::DescribeRequest request() { return server_.service().describe.requests().at(0); }

  FakeServer server_{AnswerGreedily};
};

TEST_F(DescribeCommand, SendsWhatTheFlagsSay) {
  const CommandResult result =
      Describe({"--top_count", "2", "--top_p", ".9", "--seed", "4", "--all_tokens"}, "1 2\n3 4");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(request().logits().row_count(), 2u);
  EXPECT_EQ(request().top_count(), 2u);
  EXPECT_TRUE(request().all_tokens());
  EXPECT_EQ(request().params(0).top_p(), 0.9);
  EXPECT_EQ(request().rows(1).seed(), 5u);
}

TEST_F(DescribeCommand, ListsTenTokensOrAllOfASmallerRow) {
  ASSERT_EQ(Describe({}).exit_code, 0);
  EXPECT_EQ(request().top_count(), 3u);
  EXPECT_FALSE(request().all_tokens());
  ASSERT_EQ(Describe({}, "1 2 3 4 5 6 7 8 9 10 11").exit_code, 0);
  EXPECT_EQ(server_.service().describe.requests().at(1).top_count(), 10u);
}

TEST_F(DescribeCommand, SendsSparseRows) {
  ASSERT_EQ(Describe({"--sparse_count", "2"}).exit_code, 0);
  EXPECT_EQ(request().logits().sparse_rows().rows(0).token_ids_size(), 2);
}

TEST_F(DescribeCommand, PrintsASectionForEachRow) {
  server_.service().describe.AnswerWith(AnswerWithDescription(Description()));
  EXPECT_EQ(Describe({}).out,
            "row 0: OK\n"
            "  model_entropy    1.500000\n"
            "  sampled_entropy  0.250000\n"
            "  kept_count       2\n"
            "  kept_mass        0.750000\n"
            "\n"
            "        stage  tokens_left  mass_kept   entropy  temperature\n"
            "        edits            3   1.000000  1.500000            1\n"
            "  temperature            3   1.000000  1.250000          0.7\n"
            "        top_p            2   0.750000  0.250000          0.7\n"
            "\n"
            "         list  token  model_probability  sampled_probability\n"
            "    top_model      1                0.5                 0.75\n"
            "  top_sampled      1                0.5                 0.75\n"
            "  top_sampled      0              1e-08                 0.25\n");
}

TEST_F(DescribeCommand, ListsEveryTokenWhereTheReplyDoes) {
  v1::RowDescription row;
  row.set_status(v1::ROW_STATUS_OK);
  row.add_model_probabilities(0.25f);
  row.add_model_probabilities(0.75f);
  row.add_sampled_probabilities(0);
  row.add_sampled_probabilities(1);
  server_.service().describe.AnswerWith(AnswerWithDescription(row));
  EXPECT_THAT(Describe({}).out,
              HasSubstr("  list  token  model_probability  sampled_probability\n"
                        "   all      0               0.25                    0\n"
                        "   all      1               0.75                    1\n"));
}

TEST_F(DescribeCommand, PrintsTheReplyAsJsonThatParsesBack) {
  server_.service().describe.AnswerWith(AnswerWithDescription(Description()));
  v1::DescribeResponse response;
  const std::string json = Describe({"--format", "json"}).out;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &response).ok());
  EXPECT_EQ(response.descriptions(0).stages(2).stage(), "top_p");
}

TEST_F(DescribeCommand, SaysWhyARowIsBadAndExitsWithOne) {
  server_.service().describe.AnswerWith([](auto&, const auto&, v1::DescribeResponse& response) {
    *response.add_descriptions() = Description();
    response.add_descriptions()->set_status(v1::ROW_STATUS_NAN_LOGIT);
    response.mutable_descriptions(1)->set_message("the logit of token 0 is NaN");
    return grpc::Status::OK;
  });
  const CommandResult result = Describe({}, "1 2\nnan 2");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("\n\nrow 1: NAN_LOGIT: the logit of token 0 is NaN\n"));
  EXPECT_EQ(result.err,
            "boltzmann: 1 of 2 rows could not be described:\n"
            "row 1: NAN_LOGIT: the logit of token 0 is NaN\n");
}

TEST_F(DescribeCommand, DescribesRowsWhoseCandidatesAreExhausted) {
  v1::RowDescription row = Description();
  row.set_status(v1::ROW_STATUS_CANDIDATES_EXHAUSTED);
  row.set_message("send more candidates");
  server_.service().describe.AnswerWith(AnswerWithDescription(row));
  const CommandResult result = Describe({"--sparse_count", "2"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("row 0: CANDIDATES_EXHAUSTED: send more candidates\n"
                                    "  model_entropy    1.500000\n"));
}

TEST_F(DescribeCommand, RefusesWhatItCannotDo) {
  EXPECT_EQ(RunCommand({"describe"}).exit_code, 2);
  EXPECT_EQ(Describe({"--draw_count", "2"}).exit_code, 2);
  EXPECT_EQ(Describe({"--entropy"}).exit_code, 2);
  EXPECT_EQ(Describe({"rows.npy"}).exit_code, 2);
  EXPECT_EQ(Describe({}, "one").exit_code, 1);
  EXPECT_TRUE(server_.service().describe.requests().empty());
}

TEST_F(DescribeCommand, ExitsWithOneIfTheServerRefuses) {
  server_.service().describe.AnswerWith([](auto&, const auto&, auto&) {
    return grpc::Status(grpc::INVALID_ARGUMENT, "top_count: 9 is outside [0, 3]");
  });
  const CommandResult result = Describe({"--top_count", "9"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("top_count: 9 is outside [0, 3]"));
}

}  // namespace
}  // namespace boltzmann::client
