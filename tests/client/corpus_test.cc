#include "client/corpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/client/temporary_file.h"

namespace boltzmann::client {
namespace {

using test::TemporaryFile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(FilesIn, ListsRegularFilesSortedAndNeitherLinksNorDirectories) {
  const TemporaryFile name("directory", "");
  const std::string directory = name.path() + "_d";
  std::filesystem::create_directories(directory + "/sub");
  std::ofstream(directory + "/b") << "b";
  std::ofstream(directory + "/a") << "a";
  std::filesystem::create_symlink("a", directory + "/c");
  const auto files = FilesIn(directory);
  std::filesystem::remove_all(directory);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(*files, ElementsAre(directory + "/a", directory + "/b"));
}

TEST(FilesIn, SaysThatADirectoryIsMissingOrEmpty) {
  const absl::Status missing = FilesIn("/no/such/directory").status();
  EXPECT_EQ(missing.message(), "/no/such/directory: No such file or directory");
  const TemporaryFile name("directory", "");
  const std::string directory = name.path() + "_d";
  std::filesystem::create_directories(directory);
  const absl::Status empty = FilesIn(directory).status();
  std::filesystem::remove_all(directory);
  EXPECT_EQ(empty.message(), directory + ": there is no file");
}

TEST(ReadCorpus, JoinsFilesWithAParagraphBreakAfterEach) {
  const TemporaryFile one("one", "Hello you.");
  const TemporaryFile two("two", "Bye\n\n");
  const auto tokens = ReadCorpus({one.path(), two.path()});
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  EXPECT_THAT(*tokens, ElementsAre("Hello", "you", ".", "\n\n", "Bye", "\n\n"));
}

TEST(ReadCorpus, RefusesMissingFilesAndTextsWithoutWords) {
  EXPECT_EQ(ReadCorpus({"/no/such/file"}).status().code(), absl::StatusCode::kNotFound);
  const TemporaryFile blank("blank", " \n");
  EXPECT_THAT(std::string(ReadCorpus({blank.path()}).status().message()),
              HasSubstr("there is no word in the corpus: " + blank.path()));
}

}  // namespace
}  // namespace boltzmann::client
