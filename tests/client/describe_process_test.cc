// `boltzmann describe` with the server itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/client/run_command.h"
#include "tests/client/temporary_file.h"
#include "tests/process.h"
#include "tests/temporary_directory.h"

namespace boltzmann::client {
namespace {

using test::CommandResult;
using ::testing::HasSubstr;

constexpr char kRow[] = "2 1 .5 0 -.5";

class DescribeProcess : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server_.ReadUntil("serving")) << server_.text(); }

  CommandResult Describe(std::vector<std::string> flags, const std::string& logits = kRow) {
    flags.insert(flags.begin(), {"describe", "--server", address_, "--logits", "-"});
    const CommandResult result = test::RunCommand(flags, logits);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result;
  }

  const test::TemporaryDirectory directory_;
  const std::string address_ = "unix:" + directory_.Of("server");
  test::Process server_{BOLTZMANN_SERVER, {"--listen=" + address_}};
};

// Worked by hand: weights e^4, e^2, e, 1, e^-1 at temperature .5; the first two hold .938.
TEST_F(DescribeProcess, ShowsTheWorkedRow) {
  EXPECT_EQ(Describe({"--temperature", ".5", "--top_p", ".9"}).out,
            R"(row 0: OK
  model_entropy    1.794865 bits
  sampled_entropy  0.527065 bits
  kept_count       2 of 5
  kept_mass        0.938157

        stage  tokens_left  removed  mass_removed   entropy  temperature
  temperature            5        0      0.000000  0.903454          0.5
        top_p            2        3      0.061843  0.527065          0.5

  token   model    logprob    mass  sampled    logprob    mass   fate
      0  0.5530  -0.592459  0.5530   0.8808  -0.126928  0.8808   kept  ███████▌    |████████████
      1  0.2034  -1.592459  0.7564   0.1192  -2.126928  1.0000   kept  ██▊         |█▋
      2  0.1234  -2.092459  0.8798        0       -inf  1.0000  top_p  █▋          |
      3  0.0748  -2.592459  0.9546        0       -inf  1.0000  top_p  █           |
      4  0.0454  -3.092459  1.0000        0       -inf  1.0000  top_p  ▋           |
)");
}

TEST_F(DescribeProcess, NamesTheStageAtWhichEachTokenFellOut) {
  // At temperature .8 token 2 has e^-1.875 = .15 of the first, 3 has .08 and 4 has .04. Of 0 and 2
  // the first alone has .87.
  const std::string out = Describe({"--temperature", ".8", "--min_p", ".1", "--top_k", "2",
                                    "--banned_token_ids", "1", "--top_p", ".7"})
                              .out;
  EXPECT_THAT(out, HasSubstr("  kept  "));
  EXPECT_THAT(out,
              HasSubstr("      1  0.2034  -1.592459  0.7564        0      -inf  1.0000  edits"));
  EXPECT_THAT(out,
              HasSubstr("      2  0.1234  -2.092459  0.8798        0      -inf  1.0000  top_p"));
  EXPECT_THAT(out,
              HasSubstr("      3  0.0748  -2.592459  0.9546        0      -inf  1.0000  min_p"));
  EXPECT_THAT(out,
              HasSubstr("      4  0.0454  -3.092459  1.0000        0      -inf  1.0000  min_p"));
}

TEST_F(DescribeProcess, TellsWhatIsImpossibleFromWhatUnderflows) {
  const std::string out = Describe({"--top_p", ".9"}, "0 -200 -inf").out;
  EXPECT_THAT(
      out,
      HasSubstr("      1       0  -200.000000  1.0000        0      -inf  1.0000       top_p"));
  EXPECT_THAT(out, HasSubstr("  impossible  "));
  // exp(-200) is no float above 0, yet the token may be drawn.
  EXPECT_THAT(
      Describe({}, "0 -200 -inf").out,
      HasSubstr("      1       0  -200.000000  1.0000        0  -200.000000  1.0000        kept"));
}

TEST_F(DescribeProcess, SharpensAndFlattensARow) {
  EXPECT_EQ(Describe({"--sweep", "temperature=.5,1,2"}).out,
            R"(row 0 over temperature

  temperature   entropy  kept_count  kept_mass  top_token  top_probability
          0.5  0.903454           5   1.000000          0         0.826326  █████████▉  |█▁▁▁▁
            1  1.794865           5   1.000000          0         0.552966  ██████▋     |█▃▂▁▁
            2  2.180907           5   1.000000          0         0.365861  ████▍       |█▅▄▃▂
)");
}

// The seed is fixed: this is the same in every run.
TEST_F(DescribeProcess, DrawsAsOftenAsItSays) {
  const std::string out = Describe({"--draws", "1000", "--seed", "1", "--top_p", ".9"}).out;
  EXPECT_THAT(out, HasSubstr("1000 draws with seed 1\n"));
  EXPECT_THAT(out, HasSubstr("chi-square "));
  EXPECT_EQ(out, Describe({"--draws", "1000", "--seed", "1", "--top_p", ".9"}).out);
}

TEST_F(DescribeProcess, WritesAPageOfASweep) {
  const test::TemporaryFile page("page", "");
  Describe({"--sweep", "top_p=.5,1", "--html", page.path()});
  std::stringstream html;
  html << std::ifstream(page.path()).rdbuf();
  EXPECT_THAT(html.str(), ::testing::StartsWith("<!doctype html>"));
  EXPECT_THAT(html.str(), HasSubstr("<td>0.5</td>"));
  EXPECT_THAT(html.str(), ::testing::EndsWith("</html>\n"));
}

}  // namespace
}  // namespace boltzmann::client
