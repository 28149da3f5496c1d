#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
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
using test::TemporaryFile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kText[] = "The cat sat on the mat, and the dog (a big one) sat by the door.";

// The token that AnswerGreedily draws for the first row of a request.
int32_t DrawnAt(const v1::SampleRequest& request) {
  const std::vector<float> logits = test::InlineLogits(request);
  const auto end = logits.begin() + request.logits().vocab_size();
  return static_cast<int32_t>(std::max_element(logits.begin(), end) - logits.begin());
}

// `boltzmann generate` over a corpus of one sentence.
class GenerateCommand : public testing::Test {
 protected:
  CommandResult Generate(std::vector<std::string> flags) {
    flags.insert(flags.begin(),
                 {"generate", "--server", server_.address(), "--corpus", corpus_.path()});
    return RunCommand(flags);
  }

  std::vector<v1::SampleRequest> requests() { return server_.service().requests(); }

  // The requests of the first two steps after "The cat".
  std::vector<v1::SampleRequest> RequestsOfTwoSteps(std::vector<std::string> flags) {
    const size_t before = requests().size();
    flags.insert(flags.end(), {"--prompt", "The cat", "--tokens", "2", "--seed", "1"});
    const CommandResult result = Generate(flags);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    std::vector<v1::SampleRequest> sent = requests();
    sent.erase(sent.begin(), sent.begin() + before);
    EXPECT_EQ(sent.size(), 2u);
    return sent;
  }

  const TemporaryFile corpus_{"corpus", kText};
  FakeServer server_{AnswerGreedily};
};

TEST_F(GenerateCommand, ContinuesThePromptAsTheCorpusDoes) {
  const CommandResult result = Generate({"--prompt", "dog (a big", "--tokens", "7", "--seed", "1"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "dog (a big one) sat by the door.\n");
}

TEST_F(GenerateCommand, BeginsAParagraphWithoutAPrompt) {
  // The corpus has one paragraph, so nothing is known to follow a break; the logits are finite.
  const CommandResult result = Generate({"--tokens", "1", "--seed", "1"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  for (const float logit : test::InlineLogits(requests().at(0))) EXPECT_TRUE(std::isfinite(logit));
}

TEST_F(GenerateCommand, SendsTheWholeVocabularyAndCountsThePositionUp) {
  ASSERT_EQ(
      Generate({"--prompt", "The", "--tokens", "3", "--seed", "5", "--top_p", ".9"}).exit_code, 0);
  ASSERT_EQ(requests().size(), 3u);
  for (int step = 0; step < 3; ++step) {
    const v1::SampleRequest request = requests().at(step);
    EXPECT_EQ(request.logits().vocab_size(), test::InlineLogits(request).size());
    EXPECT_EQ(request.rows(0).position(), static_cast<uint64_t>(step));
    EXPECT_EQ(request.rows(0).seed(), 5u);
    EXPECT_EQ(request.params(0).top_p(), 0.9);
    EXPECT_EQ(request.outputs(0).logprobs(), v1::LOGPROB_MODE_NONE);
  }
}

TEST_F(GenerateCommand, KeepsTheSeedThatTheServerPickedAndNamesIt) {
  const CommandResult result = Generate({"--prompt", "The", "--tokens", "3"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_FALSE(requests().at(0).rows(0).has_seed());
  EXPECT_EQ(requests().at(1).rows(0).seed(), 1000u);
  EXPECT_EQ(requests().at(2).rows(0).seed(), 1000u);
  EXPECT_THAT(result.err, HasSubstr("--seed 1000 writes this text again"));
}

TEST_F(GenerateCommand, SaysNothingOfSeedsThatTheUserChose) {
  EXPECT_THAT(Generate({"--seed", "3"}).err, ::testing::Not(HasSubstr("seed")));
}

TEST_F(GenerateCommand, WritesABatchInOneCallAStepAndLabelsTheTexts) {
  const CommandResult result =
      Generate({"--prompt", "sat by", "--tokens", "2", "--seed", "7", "--batch", "3"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  ASSERT_EQ(requests().size(), 2u);
  EXPECT_EQ(requests().at(1).logits().row_count(), 3u);
  EXPECT_EQ(requests().at(1).rows(2).seed(), 9u);
  EXPECT_EQ(result.out,
            "--- 0: seed 7 ---\nsat by the door\n\n"
            "--- 1: seed 8 ---\nsat by the door\n\n"
            "--- 2: seed 9 ---\nsat by the door\n\n");
}

TEST_F(GenerateCommand, NamesWordsOfThePromptThatItDoesNotKnow) {
  const CommandResult result =
      Generate({"--prompt", "wombat sat by quokka", "--tokens", "1", "--seed", "1"});
  EXPECT_THAT(result.err, HasSubstr("not in the corpus, so skipped as context: wombat quokka\n"));
  EXPECT_EQ(result.out, "wombat sat by quokka the\n");
}

TEST_F(GenerateCommand, TakesFurtherFilesAfterTheCorpus) {
  const TemporaryFile second("second", "A wombat sleeps.");
  const TemporaryFile third("third", "A quokka smiles.");
  const CommandResult result = Generate(
      {second.path(), third.path(), "--prompt", "A quokka", "--tokens", "1", "--seed", "1"});
  EXPECT_EQ(result.out, "A quokka smiles\n");
  EXPECT_THAT(result.err, HasSubstr("learnt from 3 files"));
}

TEST_F(GenerateCommand, TakesFilesSeparatedByCommas) {
  const TemporaryFile second("second", "A wombat sleeps.");
  const CommandResult result =
      RunCommand({"generate", "--server", server_.address(), "--corpus",
                  corpus_.path() + "," + second.path(), "--prompt", "wombat", "--tokens", "1"});
  EXPECT_EQ(result.out, "wombat sleeps\n");
}

TEST_F(GenerateCommand, RefusesWhatItCannotDo) {
  EXPECT_EQ(Generate({"--tokens", "0"}).exit_code, 2);
  EXPECT_EQ(Generate({"--batch", "0"}).exit_code, 2);
  EXPECT_EQ(RunCommand({"generate", "a.txt"}).exit_code, 2);
  const CommandResult missing = Generate({"/no/such/file"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_EQ(missing.err, "boltzmann: /no/such/file: No such file or directory\n");
}

TEST_F(GenerateCommand, KeepsWhatItHasWhenACallFails) {
  auto calls = std::make_shared<std::atomic<int>>(0);
  FakeServer failing([calls](grpc::ServerContext& context, const auto& request, auto& response) {
    if (++*calls > 2) return grpc::Status(grpc::INTERNAL, "broken");
    return AnswerGreedily(context, request, response);
  });
  for (const char* batch : {"1", "2"}) {
    *calls = 0;
    const CommandResult result =
        RunCommand({"generate", "--server", failing.address(), "--corpus", corpus_.path(),
                    "--prompt", "sat by", "--batch", batch});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.out, HasSubstr("sat by the door\n"));
    EXPECT_THAT(result.err, HasSubstr("failed: INTERNAL: broken"));
    EXPECT_THAT(result.err, HasSubstr("--seed 1000"));
  }
}

// The ids are the order of first appearance; a paragraph break comes before all.
TEST_F(GenerateCommand, PrintsTheIdsOfTheTokens) {
  const CommandResult result =
      Generate({"--prompt", "The cat", "--tokens", "1", "--seed", "1", "--print_token_ids"});
  EXPECT_THAT(result.out, HasSubstr("The cat sat\n"));
  EXPECT_THAT(result.out, HasSubstr(" The\n"));
  const std::string sat = std::to_string(DrawnAt(requests().at(0)));
  EXPECT_THAT(result.out, HasSubstr(sat + "  sat\n"));
  const CommandResult batch = Generate(
      {"--prompt", "The cat", "--tokens", "1", "--seed", "1", "--print_token_ids", "--batch", "2"});
  EXPECT_THAT(batch.out, HasSubstr("--- 1: tokens ---\n"));
}

TEST_F(GenerateCommand, EndsATextAtAStopToken) {
  ASSERT_EQ(Generate({"--prompt", "dog (a big", "--tokens", "7", "--seed", "1"}).exit_code, 0);
  const std::string by = std::to_string(DrawnAt(requests().at(3)));  // one ) sat by
  const CommandResult result = Generate(
      {"--prompt", "dog (a big", "--tokens", "7", "--seed", "1", "--stop_token_ids", "0," + by});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "dog (a big one) sat by\n");
  EXPECT_EQ(requests().size(), 7u + 4u);
}

// Of three texts the second ends at once; the others go on with their own seeds.
TEST_F(GenerateCommand, GoesOnWithTheTextsOfABatchThatHaveNotEnded) {
  FakeServer server([](grpc::ServerContext& context, const auto& request, auto& response) {
    AnswerGreedily(context, request, response);
    for (v1::RowResult& result : *response.mutable_results()) {
      if (result.seed() == 8) result.mutable_drawn()->set_token_ids(0, 0);
    }
    return grpc::Status::OK;
  });
  const CommandResult result = RunCommand({"generate", "--server", server.address(), "--corpus",
                                           corpus_.path(), "--prompt", "sat by", "--tokens", "2",
                                           "--seed", "7", "--batch", "3", "--stop_token_ids", "0"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const std::vector<v1::SampleRequest> requests = server.service().requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests.at(0).rows_size(), 3);
  EXPECT_EQ(requests.at(1).logits().row_count(), 2u);
  EXPECT_EQ(requests.at(1).rows(0).seed(), 7u);
  EXPECT_EQ(requests.at(1).rows(1).seed(), 9u);
  EXPECT_EQ(requests.at(1).rows(1).position(), 1u);
  EXPECT_THAT(result.out, HasSubstr("--- 2: seed 9 ---\nsat by the door\n"));
}

TEST_F(GenerateCommand, SendsNoHistoryUnlessAParameterGoesByIt) {
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"--temperature", ".5", "--mirostat", "2"},
        {"--repetition_penalty", "1"},
        {"--banned_sequences", "1/2", "--stop_token_ids", "3", "--min_tokens", "0"},
        {"--dry_base", "2", "--frequency_penalty", "0"}}) {
    for (const v1::SampleRequest& request : RequestsOfTwoSteps(flags)) {
      EXPECT_EQ(request.rows(0).prompt_token_ids_size(), 0) << flags[0];
      EXPECT_EQ(request.rows(0).output_token_ids_size(), 0) << flags[0];
    }
  }
}

// The prompt is a paragraph break, "The" and "cat".
TEST_F(GenerateCommand, SendsTheWholeHistoryToWhatGoesByAllOfIt) {
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"--repetition_penalty", "1.1"},
        {"--dry_multiplier", ".8"},
        {"--no_repeat_ngram_size", "3"},
        {"--banned_sequences", "1/2,3"}}) {
    const std::vector<v1::SampleRequest> sent = RequestsOfTwoSteps(flags);
    EXPECT_EQ(sent.at(0).rows(0).prompt_token_ids_size(), 3) << flags[0];
    EXPECT_EQ(sent.at(0).rows(0).output_token_ids_size(), 0) << flags[0];
    EXPECT_EQ(sent.at(1).rows(0).prompt_token_ids_size(), 3) << flags[0];
    EXPECT_THAT(sent.at(1).rows(0).output_token_ids(), ElementsAre(DrawnAt(sent.at(0))))
        << flags[0];
  }
}

TEST_F(GenerateCommand, SendsOnlyTheOutputToWhatGoesByIt) {
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"--frequency_penalty", ".5"},
        {"--presence_penalty", "-.5"},
        {"--min_tokens", "5", "--stop_token_ids", "1"}}) {
    const std::vector<v1::SampleRequest> sent = RequestsOfTwoSteps(flags);
    EXPECT_EQ(sent.at(1).rows(0).prompt_token_ids_size(), 0) << flags[0];
    EXPECT_THAT(sent.at(1).rows(0).output_token_ids(), ElementsAre(DrawnAt(sent.at(0))))
        << flags[0];
  }
}

TEST_F(GenerateCommand, HandsMirostatsStateFromStepToStep) {
  auto mu = std::make_shared<std::atomic<int>>(0);
  FakeServer server([mu](grpc::ServerContext& context, const auto& request, auto& response) {
    AnswerGreedily(context, request, response);
    response.mutable_results(0)->set_mirostat_mu(++*mu + 0.5);
    return grpc::Status::OK;
  });
  const CommandResult result =
      RunCommand({"generate", "--server", server.address(), "--corpus", corpus_.path(), "--prompt",
                  "The", "--tokens", "3", "--mirostat", "2"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const std::vector<v1::SampleRequest> requests = server.service().requests();
  EXPECT_FALSE(requests.at(0).rows(0).has_mirostat_mu());
  EXPECT_EQ(requests.at(1).rows(0).mirostat_mu(), 1.5);
  EXPECT_EQ(requests.at(2).rows(0).mirostat_mu(), 2.5);
}

TEST_F(GenerateCommand, FailsIfNoTokenWasDrawn) {
  FakeServer server([](auto&, const auto&, v1::SampleResponse& response) {
    v1::RowResult& result = *response.add_results();
    result.set_status(v1::ROW_STATUS_NAN_LOGIT);
    result.mutable_drawn()->add_token_ids(-1);
    return grpc::Status::OK;
  });
  const CommandResult result =
      RunCommand({"generate", "--server", server.address(), "--corpus", corpus_.path()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("no token was drawn for a sequence: ROW_STATUS_NAN_LOGIT"));
}

}  // namespace
}  // namespace boltzmann::client
