// `--shared_memory_dir` of the commands that send rows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/client/fake_server.h"
#include "tests/client/run_command.h"
#include "tests/client/temporary_file.h"
#include "tests/temporary_directory.h"

namespace boltzmann::client {
namespace {

using test::AnswerGreedilyFrom;
using test::CommandResult;
using test::FakeServer;
using test::RunCommand;
using test::TemporaryDirectory;
using test::TemporaryFile;
using ::testing::HasSubstr;

class SharedMemoryFlag : public testing::Test {
 protected:
  SharedMemoryFlag() { server_.regions().ServeFrom(directory_.path()); }

  CommandResult Run(std::vector<std::string> arguments, const std::string& standard_input = "") {
    arguments.insert(arguments.end(), {"--server", server_.address()});
    return RunCommand(arguments, standard_input);
  }

  // The same with logits in shared memory.
  CommandResult RunShared(std::vector<std::string> arguments,
                          const std::string& standard_input = "") {
    arguments.insert(arguments.end(), {"--shared_memory_dir", directory_.path()});
    return Run(arguments, standard_input);
  }

  const TemporaryDirectory directory_;
  FakeServer server_{[this](grpc::ServerContext& context, const v1::SampleRequest& request,
                            v1::SampleResponse& response) {
    return AnswerGreedilyFrom(server_.regions())(context, request, response);
  }};
};

TEST_F(SharedMemoryFlag, LeavesTheLogitsOfSampleWhereTheServerReadsThem) {
  const std::vector<std::string> command = {"sample", "--logits", "-", "--seed", "1"};
  const CommandResult result = RunShared(command, "1 2 0\n5 4 3");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, Run(command, "1 2 0\n5 4 3").out);
  const std::vector<v1::SampleRequest> requests = server_.service().requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_TRUE(requests[0].logits().has_shared_rows());
  EXPECT_TRUE(requests[1].logits().has_inline_data());
  EXPECT_EQ(directory_.file_count(), 0);
  EXPECT_EQ(server_.regions().registrations().at(0).request.size_bytes(), 6 * sizeof(float));
}

TEST_F(SharedMemoryFlag, IsTakenByDescribeAndScore) {
  EXPECT_EQ(RunShared({"describe", "--logits", "-"}, "1 2").exit_code, 0);
  EXPECT_EQ(RunShared({"score", "--logits", "-", "--token_ids", "1"}, "1 2").exit_code, 0);
  EXPECT_TRUE(server_.service().describe.requests().at(0).logits().has_shared_rows());
  EXPECT_TRUE(server_.service().score.requests().at(0).logits().has_shared_rows());
}

TEST_F(SharedMemoryFlag, LetsGenerateWriteTheSameText) {
  const TemporaryFile corpus("corpus", "The cat sat on the mat, and the dog sat by the door.");
  const std::vector<std::string> command = {
      "generate", "--corpus", corpus.path(), "--prompt", "The cat", "--tokens",
      "5",        "--seed",   "1",           "--batch",  "2"};
  const CommandResult result = RunShared(command);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, Run(command).out);
  EXPECT_TRUE(server_.service().requests().at(0).logits().has_shared_rows());
  EXPECT_EQ(server_.regions().registrations().size(), 1u);
}

TEST_F(SharedMemoryFlag, IsRefusedWithSparseRows) {
  const CommandResult result = RunShared({"sample", "--logits", "-", "--sparse_count", "1"}, "1 2");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("--shared_memory_dir takes whole rows"));
  EXPECT_TRUE(server_.service().requests().empty());
}

TEST_F(SharedMemoryFlag, SaysWhyNoMemoryCanBeShared) {
  const CommandResult missing =
      Run({"sample", "--logits", "-", "--shared_memory_dir", "/no/such/directory"}, "1 2");
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, HasSubstr("no memory could be shared in /no/such/directory: NOT_FOUND"));
  server_.regions().ServeFrom("/no/such/directory");
  const CommandResult refused = RunShared({"sample", "--logits", "-"}, "1 2");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("FAILED_PRECONDITION: the file cannot be shared"));
}

}  // namespace
}  // namespace boltzmann::client
