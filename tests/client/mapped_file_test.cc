#include "client/mapped_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "tests/temporary_directory.h"

namespace boltzmann::client {
namespace {

using test::TemporaryDirectory;
using ::testing::HasSubstr;

struct stat StatOf(const TemporaryDirectory& directory, const MappedFile& file) {
  struct stat info = {};
  EXPECT_EQ(stat((directory.path() + "/" + file.name()).c_str(), &info), 0);
  return info;
}

TEST(MappedFile, IsAllZerosWithoutHoles) {
  const TemporaryDirectory directory;
  for (const size_t size : {1, 4095, 4096, 4097, 1'000'000}) {
    const auto file = MappedFile::Create(directory.path(), size, 0600);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_EQ(file->bytes().size(), size);
    for (const std::byte byte : file->bytes()) ASSERT_EQ(byte, std::byte{0});
    EXPECT_GE(static_cast<size_t>(StatOf(directory, *file).st_blocks) * 512, size);
  }
}

TEST(MappedFile, HasTheModeThatIsAskedForWhateverTheUmask) {
  const TemporaryDirectory directory;
  const mode_t before = umask(0077);
  for (const mode_t mode : {0600, 0640, 0666}) {
    const auto file = MappedFile::Create(directory.path(), 1, mode);
    EXPECT_EQ(StatOf(directory, *file).st_mode & 0777, mode);
  }
  umask(before);
}

TEST(MappedFile, HasANameOfItsOwnUntilItIsUnlinked) {
  const TemporaryDirectory directory;
  auto first = MappedFile::Create(directory.path(), 1, 0600);
  const auto second = MappedFile::Create(directory.path(), 1, 0600);
  EXPECT_NE(first->name(), second->name());
  EXPECT_EQ(directory.file_count(), 2);
  first->Unlink();
  EXPECT_EQ(first->name(), "");
  EXPECT_EQ(directory.file_count(), 1);
  first->bytes()[0] = std::byte{1};
}

TEST(MappedFile, LeavesNoFileBehind) {
  const TemporaryDirectory directory;
  {
    auto file = MappedFile::Create(directory.path(), 1, 0600);
    const MappedFile moved = *std::move(file);
    EXPECT_EQ(directory.file_count(), 1);
  }
  EXPECT_EQ(directory.file_count(), 0);
}

// No file system has an exabyte.
TEST(MappedFile, IsRefusedWhereThereIsNoRoom) {
  const TemporaryDirectory directory;
  const auto file = MappedFile::Create(directory.path(), size_t{1} << 60, 0600);
  EXPECT_FALSE(file.ok());
  EXPECT_THAT(std::string(file.status().message()), HasSubstr(directory.path()));
  EXPECT_EQ(directory.file_count(), 0);
}

TEST(MappedFile, IsRefusedWhereThereIsNoDirectory) {
  const auto file = MappedFile::Create("/no/such/directory", 1, 0600);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(file.status().message()), HasSubstr("/no/such/directory"));
}

TEST(MappedFile, MovesToTheAddressesOfAnother) {
  const TemporaryDirectory directory;
  auto old = MappedFile::Create(directory.path(), 10'000, 0600);
  auto anew = MappedFile::Create(directory.path(), 10'000, 0600);
  std::byte* const address = old->bytes().data();
  std::fill(anew->bytes().begin(), anew->bytes().end(), std::byte{7});
  ASSERT_TRUE(anew->MoveTo(*old).ok());
  EXPECT_EQ(anew->bytes().data(), address);
  EXPECT_TRUE(old->bytes().empty());
  EXPECT_EQ(anew->bytes()[9999], std::byte{7});
}

}  // namespace
}  // namespace boltzmann::client
