#include "client/token_masks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/client/temporary_file.h"

namespace boltzmann::client {
namespace {

using test::TemporaryFile;
using ::testing::HasSubstr;

std::string ErrorOf(const std::string& text) {
  const auto masks = ParseTextMasks(text);
  EXPECT_EQ(masks.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(masks.status().message());
}

TEST(TextMasks, AreLittleEndianWordsOneMaskALine) {
  const auto masks = ParseTextMasks("# two rows\n0x1 80000000\n\nff, 0\r\n");
  ASSERT_TRUE(masks.ok()) << masks.status();
  EXPECT_EQ(masks->row_count, 2u);
  EXPECT_EQ(masks->word_count, 2u);
  EXPECT_EQ(masks->Row(0), std::string("\x01\0\0\0\0\0\0\x80", 8));
  EXPECT_EQ(masks->Row(1), std::string("\xff\0\0\0\0\0\0\0", 8));
}

TEST(TextMasks, NameWhatIsWrongWithALine) {
  EXPECT_EQ(ErrorOf("1\nxyz\n"), "line 2: 'xyz' is not a hexadecimal word of 32 bits");
  EXPECT_EQ(ErrorOf("123456789"), "line 1: '123456789' is not a hexadecimal word of 32 bits");
  EXPECT_EQ(ErrorOf("1,,2"), "line 1: a comma has no word beside it");
  EXPECT_THAT(ErrorOf("1 2\n3"), HasSubstr("line 2: the mask has 1 words, but those before it "
                                           "have 2"));
  EXPECT_EQ(ErrorOf("# nothing\n"), "there are no masks");
}

TEST(TokenMasks, AreReadFromTextAndFromNpy) {
  const TemporaryFile text("mask", "5\n");
  const std::string header = "{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }";
  const TemporaryFile npy("mask_npy", std::string("\x93NUMPY\x01\0", 8) +
                                          static_cast<char>(header.size()) + '\0' + header +
                                          std::string("\x05\0\0\0", 4));
  for (const std::string& path : {text.path(), npy.path()}) {
    const auto masks = ReadTokenMasks(path);
    ASSERT_TRUE(masks.ok()) << masks.status();
    EXPECT_EQ(masks->row_count, 1u);
    EXPECT_EQ(masks->bytes, std::string("\x05\0\0\0", 4));
  }
}

TEST(TokenMasks, NameTheFileThatIsBroken) {
  const TemporaryFile file("mask", "what\n");
  EXPECT_EQ(ReadTokenMasks(file.path()).status().message(),
            file.path() + ": line 1: 'what' is not a hexadecimal word of 32 bits");
  EXPECT_EQ(ReadTokenMasks("/no/such/file").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace boltzmann::client
