#include "client/token_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/time/clock.h"
#include "tests/client/temporary_file.h"
#include "tests/temporary_directory.h"

namespace boltzmann::client {
namespace {

using test::TemporaryFile;
using ::testing::HasSubstr;
using ::testing::Not;

// As an editor writes it: truncated first, in place.
void Write(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

// Whether the token is `expected` within ten seconds.
bool BecomesSoon(TokenFile& file, const std::string& expected) {
  for (int i = 0; i < 200 && file.Get() != expected; ++i) absl::SleepFor(absl::Milliseconds(50));
  return file.Get() == expected;
}

TEST(TokenFile, TakesTheFirstLineThatIsNeitherEmptyNorAComment) {
  for (const char* content :
       {"s3cret.A-z_~+/=", "\n \n# of the test\n  s3cret.A-z_~+/= \r\nother\n",
        "#\ns3cret.A-z_~+/=\nnot this\n"}) {
    const TemporaryFile file("token", content);
    const auto token = TokenFile::Open(file.path());
    ASSERT_TRUE(token.ok()) << token.status();
    EXPECT_EQ((*token)->Get(), "s3cret.A-z_~+/=") << content;
  }
}

void ExpectRefused(const std::string& content, const std::string& why) {
  const TemporaryFile file("token", content);
  const absl::Status status = TokenFile::Open(file.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("token_file: " + file.path() + why));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("s3cret")));
}

TEST(TokenFile, RefusesWhatACallCannotCarryWithoutShowingIt) {
  ExpectRefused("", " has no token");
  ExpectRefused("\n# s3cret\n", " has no token");
  ExpectRefused("#\ns3cret s3cret\n", ", line 2: the token has spaces, or is not visible ASCII");
  ExpectRefused("s3cr\xc3\xa9t", ", line 1: the token has spaces, or is not visible ASCII");
  ExpectRefused(std::string("s3cret\0s", 8), ", line 1: the token has spaces, or is not visible");
  ExpectRefused(std::string(4097, 'x'), ", line 1: the token has more than 4096 characters");
  ExpectRefused(std::string((1 << 20) + 1, '\n'), " has more than 1 MiB");
}

TEST(TokenFile, SaysWhyAFileCannotBeRead) {
  const test::TemporaryDirectory directory;
  const auto message = [](const std::string& path) {
    return std::string(TokenFile::Open(path).status().message());
  };
  EXPECT_THAT(message("/no/such/token"),
              HasSubstr("token_file: /no/such/token cannot be read: No such file or directory"));
  EXPECT_THAT(message(directory.path()), HasSubstr(directory.path() + " is no regular file"));
  ASSERT_EQ(mkfifo(directory.Of("pipe").c_str(), 0600), 0);
  EXPECT_THAT(message(directory.Of("pipe")), HasSubstr("pipe is no regular file"));
}

TEST(TokenFile, ReadsAgainWhatWasWrittenAnew) {
  const TemporaryFile file("token", "first\n");
  const auto token = *TokenFile::Open(file.path());
  EXPECT_EQ(token->Get(), "first");
  Write(file.path(), "second\n");
  EXPECT_TRUE(BecomesSoon(*token, "second"));
}

// The size is the same, and so may be the time: the inode tells.
TEST(TokenFile, ReadsAgainWhatWasRenamedIntoPlace) {
  const TemporaryFile file("token", "first\n");
  const auto token = *TokenFile::Open(file.path());
  Write(file.path() + ".new", "other\n");
  std::filesystem::last_write_time(file.path() + ".new",
                                   std::filesystem::last_write_time(file.path()));
  std::filesystem::rename(file.path() + ".new", file.path());
  EXPECT_TRUE(BecomesSoon(*token, "other"));
}

TEST(TokenFile, LooksNotMoreThanOnceASecond) {
  const TemporaryFile file("token", "first\n");
  const absl::Time opened = absl::Now();
  const auto token = *TokenFile::Open(file.path());
  Write(file.path(), "second\n");
  ASSERT_TRUE(BecomesSoon(*token, "second"));
  EXPECT_GE(absl::Now() - opened, absl::Seconds(1));
}

TEST(TokenFile, KeepsTheLastTokenWhileThereIsNoOther) {
  const TemporaryFile file("token", "first\n");
  const auto token = *TokenFile::Open(file.path());
  EXPECT_TRUE(token->status().ok());
  Write(file.path(), "");
  for (int i = 0; i < 200 && token->status().ok(); ++i) {
    absl::SleepFor(absl::Milliseconds(50));
    EXPECT_EQ(token->Get(), "first");
  }
  EXPECT_THAT(std::string(token->status().message()), HasSubstr("has no token"));
  Write(file.path(), "second\n");
  EXPECT_TRUE(BecomesSoon(*token, "second"));
  EXPECT_TRUE(token->status().ok());
}

}  // namespace
}  // namespace boltzmann::client
