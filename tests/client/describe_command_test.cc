#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/client/fake_server.h"
#include "tests/client/run_command.h"
#include "tests/client/temporary_file.h"

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
            "  model_entropy    1.500000 bits\n"
            "  sampled_entropy  0.250000 bits\n"
            "  kept_count       2 of 3\n"
            "  kept_mass        0.750000\n"
            "\n"
            "        stage  tokens_left  removed  mass_removed   entropy  temperature\n"
            "        edits            3                         1.500000            1\n"
            "  temperature            3        0      0.000000  1.250000          0.7\n"
            "        top_p            2        1      0.250000  0.250000          0.7\n"
            "\n"
            "  token    model    mass  sampled    mass  fate\n"
            "      1   0.5000  0.5000   0.7500  0.7500  kept  ████████    |████████████\n"
            "      0  1.0e-08  0.5000   0.2500  1.0000  kept  ▏           |████\n");
}

TEST_F(DescribeCommand, ListsEveryTokenWhereTheReplyDoes) {
  v1::RowDescription row;
  row.set_status(v1::ROW_STATUS_OK);
  row.add_model_probabilities(0.25f);
  row.add_model_probabilities(0.75f);
  row.add_sampled_probabilities(0);
  row.add_sampled_probabilities(1);
  server_.service().describe.AnswerWith(AnswerWithDescription(row));
  EXPECT_THAT(Describe({}).out, HasSubstr("  token  model_probability  sampled_probability\n"
                                          "      0               0.25                    0\n"
                                          "      1               0.75                    1\n"));
}

TEST_F(DescribeCommand, AsksOnceMoreForEachStageThatRemovedTokensButTheLast) {
  v1::RowDescription row = Description();
  AddStage("min_p", 1, 0.5f, 0, 0.7, row);
  server_.service().describe.AnswerWith(AnswerWithDescription(row));
  ASSERT_EQ(Describe({"--temperature", ".7", "--top_p", ".9", "--min_p", ".1", "--filter_order",
                      "temperature,top_p,min_p", "--banned_token_ids", "2"})
                .exit_code,
            0);
  const std::vector<v1::SampleRequest> sent = server_.service().requests();
  ASSERT_EQ(sent.size(), 3u);  // all; after the edits; after top_p
  EXPECT_FALSE(sent[1].params(0).has_temperature());
  EXPECT_FALSE(sent[1].params(0).has_top_p());
  EXPECT_EQ(sent[1].params(0).banned_token_ids(0), 2);
  EXPECT_EQ(sent[2].params(0).temperature(), 0.7);
  EXPECT_EQ(sent[2].params(0).top_p(), 0.9);
  EXPECT_EQ(sent[2].params(0).min_p(), 0);
  EXPECT_EQ(sent[2].rows(0).seed(), sent[0].rows(0).seed());
}

TEST_F(DescribeCommand, SendsOneRowForEachValueOfASweep) {
  const CommandResult result =
      Describe({"--sweep", "temperature=.5..2:4", "--row", "1", "--top_p", ".9", "--seed", "4"},
               "1 2\n3 4\n5 6");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  ASSERT_EQ(server_.service().describe.requests().size(), 1u);
  EXPECT_EQ(request().logits().row_count(), 4u);
  const float row[] = {3, 4};
  std::string rows;
  for (int i = 0; i < 4; ++i) rows.append(reinterpret_cast<const char*>(row), sizeof(row));
  EXPECT_EQ(request().logits().inline_data(), rows);
  EXPECT_EQ(request().params(2).temperature(), 1.5);
  EXPECT_EQ(request().params(3).top_p(), 0.9);
  EXPECT_EQ(request().rows(3).seed(), 5u);
  EXPECT_TRUE(server_.service().requests().empty());
}

TEST_F(DescribeCommand, SweepsASparseRow) {
  ASSERT_EQ(Describe({"--sweep", "top_k=1,2", "--sparse_count", "2"}).exit_code, 0);
  EXPECT_EQ(request().logits().sparse_rows().rows(1).token_ids_size(), 2);
  EXPECT_EQ(request().params(1).top_k(), 2);
}

TEST_F(DescribeCommand, SaysWhyARowCannotBeSwept) {
  server_.service().describe.AnswerWith([](auto&, const auto&, v1::DescribeResponse& response) {
    for (int i = 0; i < 2; ++i) {
      response.add_descriptions()->set_status(v1::ROW_STATUS_NAN_LOGIT);
      response.mutable_descriptions(i)->set_message("the logit of token 0 is NaN");
    }
    return grpc::Status::OK;
  });
  const CommandResult result = Describe({"--sweep", "top_p=.5,1"}, "nan 2");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err,
            "boltzmann: row 0 could not be described: NAN_LOGIT: the logit of token 0 is NaN\n");
}

TEST_F(DescribeCommand, ComparesDrawsWithWhatIsExpected) {
  FakeServer server([](auto&, const v1::SampleRequest& request, v1::SampleResponse& response) {
    v1::RowResult& result = *response.add_results();
    result.set_status(v1::ROW_STATUS_OK);
    result.set_seed(request.rows(0).seed());
    for (uint32_t i = 0; i < request.rows(0).draw_count(); ++i) {
      result.mutable_drawn()->add_token_ids(i < 70 ? 1 : 0);
    }
    return grpc::Status::OK;
  });
  server.service().describe.AnswerWith(AnswerWithDescription(Description()));
  const CommandResult result = RunCommand(
      {"describe", "--server", server.address(), "--logits", "-", "--draws", "100", "--seed", "3"},
      "1 2 3");
  // (70 - 75)^2 / 75 + (30 - 25)^2 / 25 = 1.33; 5 / sqrt(100 * .75 * .25) = 1.15.
  EXPECT_THAT(
      result.out,
      HasSubstr("\n  100 draws with seed 3\n\n"
                "  token  probability  frequency  expected  observed  deviation\n"
                "      1       0.7500     0.7000      75.0        70      -1.15"
                "  ████████████|███████████▎\n"
                "      0       0.2500     0.3000      25.0        30      +1.15"
                "  ████        |████▊\n"
                "  chi-square 1.33, where 1 +- 1.4 is usual; largest deviation -1.15 standard "
                "errors, of token 1\n"));
}

TEST_F(DescribeCommand, ShowsTokensOfTheLanguageModelAsWords) {
  const test::TemporaryFile corpus("corpus", "The <b> sat on the mat.");
  v1::RowDescription row;
  row.set_status(v1::ROW_STATUS_OK);
  for (int32_t id = 0; id < 4; ++id) AddToken(id, 0.25f, 0.25f, *row.mutable_top_model());
  server_.service().describe.AnswerWith(AnswerWithDescription(row));
  const test::TemporaryFile page("page", "");
  const CommandResult result =
      RunCommand({"describe", "--server", server_.address(), "--corpus", corpus.path(), "--prompt",
                  "The", "--repetition_penalty", "1.5", "--html", page.path()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("      1     <  0.2500"));
  EXPECT_EQ(request().logits().row_count(), 1u);
  EXPECT_EQ(request().rows(0).prompt_token_ids_size(), 2);  // a paragraph break, "The"
  std::stringstream html;
  html << std::ifstream(page.path()).rdbuf();
  EXPECT_THAT(html.str(), HasSubstr("<td class=\"word\">&lt;"));
  EXPECT_THAT(html.str(), ::testing::Not(HasSubstr("http")));  // no network
  EXPECT_THAT(html.str(), ::testing::Not(HasSubstr("<script")));
}

TEST_F(DescribeCommand, ColoursOnlyATerminalUnlessItIsTold) {
  server_.service().describe.AnswerWith(AnswerWithDescription(Description()));
  EXPECT_THAT(Describe({}).out, ::testing::Not(HasSubstr("\x1b")));
  EXPECT_THAT(Describe({"--color", "always"}).out, HasSubstr("\x1b[32m████████████\x1b[0m"));
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
                                    "  model_entropy    1.500000 bits\n"));
}

TEST_F(DescribeCommand, RefusesWhatItCannotDo) {
  EXPECT_EQ(RunCommand({"describe"}).exit_code, 2);
  EXPECT_EQ(Describe({"--draw_count", "2"}).exit_code, 2);
  EXPECT_EQ(Describe({"--entropy"}).exit_code, 2);
  EXPECT_EQ(Describe({"rows.npy"}).exit_code, 2);
  EXPECT_EQ(Describe({}, "one").exit_code, 1);
  EXPECT_TRUE(server_.service().describe.requests().empty());
}

TEST_F(DescribeCommand, SaysWhatDoesNotGoTogetherAndTheWayOut) {
  const auto expect = [this](const std::vector<std::string>& flags, const std::string& message) {
    const CommandResult result = Describe(flags, "1 2\n3 4");
    EXPECT_EQ(result.exit_code, 2) << message;
    EXPECT_THAT(result.err, ::testing::StartsWith("boltzmann: " + message));
  };
  expect({"--draws", "0"}, "--draws: 0 is outside [1, 1048576]");
  expect({"--draws", "9", "--sweep", "top_p=.5,1"}, "--draws does not go with --sweep: leave one");
  expect({"--draws", "9", "--top_count", "0"}, "--draws has nothing to compare with --top_count 0");
  expect({"--draws", "9", "--format", "json"}, "--draws does not go with --format json");
  expect({"--html", "a.html", "--format", "json"}, "--html does not go with --format json: leave");
  expect({"--all_tokens", "--sweep", "top_p=.5,1"}, "--all_tokens does not go with --sweep");
  expect({"--prompt", "The"}, "--logits and --prompt are given");
  expect({"--corpus", "a.txt"}, "--logits and --corpus are given");
  expect({"--color", "pink"}, "--color: 'pink' is not allowed: give auto, always or never");
  expect({"--row", "2"}, "--row: 2 is outside [0, 1]");
  expect({"--sweep", "top_p=.5,1"},
         "--sweep describes one row, and there are 2: pick one with --row, from 0 to 1");
  EXPECT_THAT(RunCommand({"describe"}).err, HasSubstr("or give --prompt"));
  EXPECT_EQ(Describe({"--html", "/no/such/page"}).exit_code, 1);
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
