#include "client/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "tests/client/fake_server.h"
#include "tests/client/run_command.h"

namespace boltzmann::client {
namespace {

using test::CommandResult;
using test::RunCommand;
using ::testing::HasSubstr;
using ::testing::Not;

// The command line is refused, with `message`.
void ExpectMisuse(const std::vector<std::string>& arguments, const std::string& message) {
  const CommandResult result = RunCommand(arguments, "1 2");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("boltzmann: " + message));
  EXPECT_EQ(result.out, "");
}

TEST(CommandLine, PrintsTheUsageWhenAskedOrWithoutArguments) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{}, {"help"}, {"--help"}, {"-h"}}) {
    const CommandResult result = RunCommand(arguments);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.out, HasSubstr("boltzmann sample --logits rows.npy"));
    EXPECT_THAT(result.out, HasSubstr("boltzmann generate"));
    EXPECT_EQ(result.err, "");
  }
}

TEST(CommandLine, PrintsACommandsFlagsAndNoOthers) {
  const CommandResult result = RunCommand({"help", "generate"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("--corpus"));
  EXPECT_THAT(result.out, HasSubstr("Default: 127.0.0.1:50051.\n"));
  EXPECT_THAT(result.out, Not(HasSubstr("--logits")));
  EXPECT_EQ(RunCommand({"generate", "--help"}).out, result.out);
}

TEST(CommandLine, PrintsTheVersion) {
  const CommandResult result = RunCommand({"--version"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, ::testing::MatchesRegex("boltzmann [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(CommandLine, ExitsWithOneIfItsOutputCannotBeWritten) {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  out.setstate(std::ios::badbit);
  Console console{in, out, err};
  EXPECT_EQ(RunBoltzmann({"--version"}, console), 1);
  EXPECT_EQ(err.str(), "boltzmann: the output could not be written\n");
}

TEST(CommandLine, RefusesUnknownCommands) {
  ExpectMisuse({"frobnicate"}, "unknown command 'frobnicate': the commands are sample,");
  ExpectMisuse({"help", "frobnicate"}, "unknown command 'frobnicate'");
  ExpectMisuse({"--seed", "1"}, "there is no command, only flags");
}

TEST(CommandLine, RefusesUnknownFlags) {
  ExpectMisuse({"sample", "--colour", "red"}, "unknown flag --colour");
  ExpectMisuse({"sample", "--nocolour"}, "unknown flag --nocolour");
  ExpectMisuse({"sample", "-x"}, "unknown flag -x");
  ExpectMisuse({"sample", "--noseed"}, "unknown flag --noseed");
}

TEST(CommandLine, RefusesFlagsOfOtherCommands) {
  ExpectMisuse({"sample", "--logits", "-", "--corpus", "x"},
               "--corpus is not a flag of `boltzmann sample`");
  ExpectMisuse({"generate", "--entropy"}, "--entropy is not a flag of `boltzmann generate`");
  ExpectMisuse({"generate", "--mirostat_mu", "1"}, "--mirostat_mu is not a flag of");
  ExpectMisuse({"info", "--temperature", "1"}, "--temperature is not a flag of `boltzmann info`");
}

TEST(CommandLine, RefusesFlagsOfOtherCommandsEvenAtTheirDefault) {
  ExpectMisuse({"info", "--entropy=false"}, "--entropy is not a flag of `boltzmann info`");
}

TEST(CommandLine, RefusesFlagsGivenTwice) {
  ExpectMisuse({"sample", "--seed", "1", "--seed=2"}, "--seed is given twice");
}

TEST(CommandLine, RefusesFlagsWithoutAValue) {
  ExpectMisuse({"sample", "--logits"}, "--logits needs a value");
  ExpectMisuse({"sample", "--logits", "--seed", "1"}, "--logits needs a value");
  ExpectMisuse({"sample", "--temperature="}, "--temperature has an empty value");
  ExpectMisuse({"sample", "--banned_token_ids="}, "--banned_token_ids has an empty value");
  ExpectMisuse({"sample", "--noentropy=true"}, "--noentropy takes no value");
}

TEST(CommandLine, RefusesValuesOfTheWrongKindAndSaysWhatIsAllowed) {
  ExpectMisuse({"sample", "--temperature", "hot"}, "--temperature: 'hot' is not allowed: ");
  ExpectMisuse({"sample", "--seed", "-1"}, "--seed: '-1' is not allowed: ");
  ExpectMisuse({"sample", "--top_k", "4294967296"}, "--top_k: '4294967296' is not allowed: ");
  ExpectMisuse({"sample", "--logit_bias", "5"}, "--logit_bias: '5' is not allowed: Add to the");
  ExpectMisuse({"generate", "--stop_token_ids", "1,the"},
               "--stop_token_ids: '1,the' is not allowed: The tokens that end a text: integers");
  ExpectMisuse({"describe", "--top_count", "x"}, "--top_count: 'x' is not allowed: ");
  ExpectMisuse({"info", "--timeout", "10"}, "--timeout: '10' is not allowed: ");
  ExpectMisuse({"info", "--timeout", "-1s"}, "timeout: -1s is not allowed");
  ExpectMisuse({"info", "--server", ""}, "target: is empty");
  ExpectMisuse({"info", "--format", "xml"}, "--format: 'xml' is not allowed");
}

TEST(CommandLine, RefusesArgumentsThatNobodyReads) {
  ExpectMisuse({"info", "now"}, "`info` takes no argument: 'now'");
  ExpectMisuse({"sample", "--logits", "-", "rows.npy"}, "`sample` takes no argument: 'rows.npy'");
  ExpectMisuse({"info", "--", "--seed"}, "`info` takes no argument: '--seed'");
}

TEST(Info, PrintsWhatTheServerSays) {
  test::FakeServer server(test::AnswerGreedily);
  const CommandResult table = RunCommand({"info", "--server", server.address()});
  EXPECT_EQ(table.exit_code, 0) << table.err;
  EXPECT_THAT(table.out, HasSubstr("version                1.2.3\n"));
  EXPECT_THAT(table.out, HasSubstr("data_types             DATA_TYPE_FLOAT16\n"));
  EXPECT_THAT(table.out, HasSubstr("shared_memory_enabled  true\n"));
  EXPECT_THAT(table.out, HasSubstr("max_region_lease       10m\n"));
  EXPECT_THAT(table.out, HasSubstr("pushed_back_count      99\n"));
  const CommandResult json = RunCommand({"--format=json", "info", "--server=" + server.address()});
  EXPECT_THAT(json.out, HasSubstr("\"max_row_count\": 77"));
  EXPECT_THAT(json.out, HasSubstr("\"worker_count\": 0"));
}

TEST(Info, ExitsWithOneIfTheServerCannotBeReached) {
  const CommandResult result = RunCommand({"info", "--server", "unix:/no/such/socket"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("boltzmann: the call to unix:/no/such/socket failed: "
                                    "UNAVAILABLE:"));
}

}  // namespace
}  // namespace boltzmann::client
