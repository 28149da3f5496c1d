#include "client/logits_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "tests/client/temporary_file.h"

namespace boltzmann::client {
namespace {

using test::TemporaryFile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> Values(const LogitMatrix& matrix) {
  std::vector<float> values(matrix.bytes.size() / sizeof(float));
  std::memcpy(values.data(), matrix.bytes.data(), matrix.bytes.size());
  return values;
}

std::string ErrorOf(const std::string& text) {
  const auto matrix = ParseTextLogits(text);
  EXPECT_EQ(matrix.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(matrix.status().message());
}

TEST(TextLogits, AreOneRowALineSeparatedBySpacesOrCommas) {
  const auto matrix = ParseTextLogits("1 2.5\t-3e-2\n4,5, 6\r\n");
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_EQ(matrix->data_type, v1::DATA_TYPE_FLOAT32);
  EXPECT_EQ(matrix->row_count, 2u);
  EXPECT_EQ(matrix->vocab_size, 3u);
  EXPECT_THAT(Values(*matrix), ElementsAre(1.0f, 2.5f, -0.03f, 4.0f, 5.0f, 6.0f));
}

TEST(TextLogits, SkipBlankLinesAndComments) {
  const auto matrix = ParseTextLogits("# logits\n\n  \n1 2\n  # more\n3 4");
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_THAT(Values(*matrix), ElementsAre(1.0f, 2.0f, 3.0f, 4.0f));
}

TEST(TextLogits, MayBeInfiniteOrNan) {
  const auto matrix = ParseTextLogits("inf -inf Infinity nan -1");
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  const std::vector<float> values = Values(*matrix);
  EXPECT_EQ(values[0], kInfinity);
  EXPECT_EQ(values[1], -kInfinity);
  EXPECT_EQ(values[2], kInfinity);
  EXPECT_TRUE(std::isnan(values[3]));
}

TEST(TextLogits, NameTheLineAndTheWordThatIsNoNumber) {
  EXPECT_EQ(ErrorOf("1 2\n\n3 four"), "line 3: 'four' is not a number");
  EXPECT_EQ(ErrorOf(std::string("PK\x03\x04", 4)), "line 1: 'PK\\x03\\x04' is not a number");
}

TEST(TextLogits, RefuseWhatDoesNotFitFloat32) {
  EXPECT_THAT(ErrorOf("1 1e39"), HasSubstr("'1e39' does not fit float32"));
  EXPECT_THAT(ErrorOf("1 -1e39"), HasSubstr("'-1e39' does not fit float32"));
  EXPECT_TRUE(ParseTextLogits("1e-60").ok());
}

TEST(TextLogits, RefuseACommaWithoutANumber) {
  EXPECT_EQ(ErrorOf("1,,2"), "line 1: a comma has no number beside it");
  EXPECT_EQ(ErrorOf("1,2,"), "line 1: a comma has no number beside it");
}

TEST(TextLogits, RefuseRowsOfDifferentLength) {
  EXPECT_THAT(ErrorOf("1 2 3\n4 5"),
              HasSubstr("line 2: the row has 2 numbers, but those before it have 3"));
}

TEST(TextLogits, RefuseATextWithoutRows) {
  EXPECT_EQ(ErrorOf(""), "there are no logits");
  EXPECT_EQ(ErrorOf("# nothing\n"), "there are no logits");
}

const char kNpy[] =
    "\x93NUMPY\x01\x00\x37\x00{'descr': '<f2', 'fortran_order': False, 'shape': (1,)}ab";

TEST(ReadLogits, TellsNpyFromTextByTheFirstBytes) {
  const std::string npy(kNpy, sizeof(kNpy) - 1);
  std::istringstream unused;
  EXPECT_EQ(ReadLogits(TemporaryFile("rows", npy).path(), unused)->data_type,
            v1::DATA_TYPE_FLOAT16);
  EXPECT_EQ(ReadLogits(TemporaryFile("rows", "1 2").path(), unused)->vocab_size, 2u);
}

TEST(ReadLogits, ReadsEitherFromStandardInput) {
  std::istringstream npy(std::string(kNpy, sizeof(kNpy) - 1));
  EXPECT_EQ(ReadLogits("-", npy)->data_type, v1::DATA_TYPE_FLOAT16);
  std::istringstream text("1 2 3");
  EXPECT_EQ(ReadLogits("-", text)->vocab_size, 3u);
}

TEST(ReadLogits, NamesTheFileInEveryError) {
  std::istringstream empty;
  EXPECT_EQ(ReadLogits("-", empty).status().message(), "standard input: there are no logits");
  const TemporaryFile file("rows", "one");
  EXPECT_EQ(ReadLogits(file.path(), empty).status().message(),
            file.path() + ": line 1: 'one' is not a number");
}

TEST(ReadLogits, SaysWhyAFileCannotBeRead) {
  std::istringstream unused;
  const absl::Status missing = ReadLogits("/no/such/file", unused).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(missing.message(), "/no/such/file: No such file or directory");
  EXPECT_THAT(std::string(ReadLogits("/", unused).status().message()), StartsWith("/: "));
}

}  // namespace
}  // namespace boltzmann::client
