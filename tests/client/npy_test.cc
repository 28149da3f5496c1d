#include "client/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace boltzmann::client {
namespace {

using ::testing::HasSubstr;

constexpr char kMagic[] = "\x93NUMPY";

// A file of the format's version `major`.0.
std::string Npy(const std::string& header, const std::string& data, int major = 1) {
  std::string bytes = kMagic;
  bytes += static_cast<char>(major);
  bytes += '\0';
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i) {
    bytes += static_cast<char>(header.size() >> (8 * i) & 0xff);
  }
  return bytes + header + data;
}

std::string Header(const std::string& descr, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }    \n";
}

std::string ErrorOf(const std::string& bytes) {
  const auto matrix = ParseNpy(bytes);
  EXPECT_EQ(matrix.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(matrix.status().message());
}

TEST(Npy, ReadsAMatrixOfFloat32) {
  const std::string data = "abcdefghijklmnopqrstuvwx";
  const auto matrix = ParseNpy(Npy(Header("<f4", "(2, 3)"), data));
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_EQ(matrix->data_type, v1::DATA_TYPE_FLOAT32);
  EXPECT_EQ(matrix->row_count, 2u);
  EXPECT_EQ(matrix->vocab_size, 3u);
  EXPECT_EQ(matrix->bytes, data);
}

TEST(Npy, ReadsAVectorOfFloat16AsOneRow) {
  const auto matrix = ParseNpy(Npy(Header("<f2", "(3,)"), "abcdef"));
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_EQ(matrix->data_type, v1::DATA_TYPE_FLOAT16);
  EXPECT_EQ(matrix->row_count, 1u);
  EXPECT_EQ(matrix->vocab_size, 3u);
}

TEST(Npy, ReadsFormatsOneToThree) {
  for (const int major : {1, 2, 3}) {
    EXPECT_TRUE(ParseNpy(Npy(Header("<f4", "(1,)"), "abcd", major)).ok()) << major;
  }
}

TEST(Npy, ReadsHeadersLongerThanOneByteCanCount) {
  const std::string padding(60000, ' ');
  EXPECT_TRUE(ParseNpy(Npy(Header("<f4", "(1,)") + padding, "abcd", 1)).ok());
  EXPECT_TRUE(ParseNpy(Npy(Header("<f4", "(1,)") + padding + padding, "abcd", 2)).ok());
}

TEST(Npy, TakesKeysInAnyOrderAndWithoutSpaces) {
  EXPECT_TRUE(ParseNpy(Npy(R"({"shape":(1,),"fortran_order":False,"descr":"<f4"})", "abcd")).ok());
}

TEST(Npy, ReadsMasksOfEitherSign) {
  for (const char* descr : {"<i4", "<u4"}) {
    const auto masks = ParseNpyMasks(Npy(Header(descr, "(2, 1)"), "abcdefgh"));
    ASSERT_TRUE(masks.ok()) << masks.status();
    EXPECT_EQ(masks->row_count, 2u);
    EXPECT_EQ(masks->word_count, 1u);
    EXPECT_EQ(masks->Row(1), "efgh");
  }
  EXPECT_EQ(ParseNpyMasks(Npy(Header("<i4", "(2,)"), "abcdefgh"))->Row(0), "abcdefgh");
}

TEST(Npy, RefusesMasksOfOtherTypesAndShapes) {
  const auto error = [](const std::string& header) {
    return std::string(ParseNpyMasks(Npy(header, "abcd")).status().message());
  };
  EXPECT_THAT(error(Header("<i8", "(1,)")), HasSubstr("dtype '<i8' is not supported, only "
                                                      "little-endian int32 ('<i4')"));
  EXPECT_THAT(error(Header("|b1", "(4,)")), HasSubstr("dtype '|b1' is not supported"));
  EXPECT_THAT(error(Header("<i4", "()")), HasSubstr("is neither [words] nor [B, words]"));
  EXPECT_THAT(error(Header("<i4", "(2,)")), HasSubstr("needs 2 words of 4 bytes, but 4 bytes"));
}

TEST(Npy, RefusesABadMagic) {
  EXPECT_THAT(ErrorOf("\x93NUMPX\x01"), HasSubstr("magic"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("magic"));
}

TEST(Npy, RefusesAnUnknownFormat) {
  EXPECT_THAT(ErrorOf(Npy(Header("<f4", "(1,)"), "abcd", 4)),
              HasSubstr("format 4.0 is not supported, only 1.0, 2.0 and 3.0"));
}

// Every prefix of a good file is refused; none is read beyond its end.
TEST(Npy, RefusesEveryTruncation) {
  for (const int major : {1, 2}) {
    const std::string whole = Npy(Header("<f4", "(1, 2)"), "abcdefgh", major);
    for (size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(ParseNpy(whole.substr(0, size)).ok()) << size;
    }
  }
}

TEST(Npy, SaysWhereAFileIsTruncated) {
  const std::string whole = Npy(Header("<f4", "(1, 2)"), "abcdefgh");
  EXPECT_THAT(ErrorOf(whole.substr(0, 7)), HasSubstr("truncated before the format's version"));
  EXPECT_THAT(ErrorOf(whole.substr(0, 9)), HasSubstr("truncated before the header"));
  EXPECT_THAT(ErrorOf(whole.substr(0, 20)), HasSubstr("but only 10 are there"));
  EXPECT_THAT(ErrorOf(whole.substr(0, whole.size() - 1)),
              HasSubstr("shape (1, 2) needs 2 logits of 4 bytes, but 7 bytes follow the header"));
}

TEST(Npy, RefusesBytesAfterTheData) {
  EXPECT_THAT(ErrorOf(Npy(Header("<f2", "(3,)"), "abcdefg")),
              HasSubstr("shape (3,) needs 3 logits of 2 bytes, but 7 bytes follow the header"));
}

TEST(Npy, NamesTheTypeThatItDoesNotSupport) {
  for (const std::string& descr : std::vector<std::string>{"<f8", ">f4", "<i4", "|u1", "V2"}) {
    EXPECT_THAT(ErrorOf(Npy(Header(descr, "(1,)"), "abcd")),
                HasSubstr("dtype '" + descr + "' is not supported"));
  }
}

TEST(Npy, RefusesStructuredTypes) {
  EXPECT_THAT(ErrorOf(Npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "")),
              HasSubstr("'descr' is not understood: [('a"));
}

TEST(Npy, RefusesFortranOrderAndSaysTheWayOut) {
  EXPECT_THAT(ErrorOf(Npy("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }", "abcd")),
              HasSubstr("fortran_order is True, and only C order is supported: save "
                        "numpy.ascontiguousarray"));
}

TEST(Npy, RefusesOtherShapes) {
  EXPECT_THAT(ErrorOf(Npy(Header("<f4", "()"), "abcd")), HasSubstr("shape () is neither"));
  EXPECT_THAT(ErrorOf(Npy(Header("<f4", "(1, 1, 1)"), "abcd")),
              HasSubstr("shape (1, 1, 1) is neither [V] nor [B, V]"));
  EXPECT_THAT(ErrorOf(Npy(Header("<f4", "(0, 5)"), "")), HasSubstr("0 is outside [1, "));
  EXPECT_THAT(ErrorOf(Npy(Header("<f4", "(5000000000,)"), "")), HasSubstr("is outside [1, "));
}

TEST(Npy, IsNotFooledByShapesWhoseProductOverflows) {
  EXPECT_THAT(ErrorOf(Npy(Header("<f4", "(4294967295, 4294967295)"), "abcd")),
              HasSubstr("4 bytes follow the header"));
  EXPECT_THAT(ErrorOf(Npy(Header("<f4", "(2147483648, 2147483648)"), "")),
              HasSubstr("0 bytes follow the header"));
}

TEST(Npy, SaysWhatIsWrongWithTheHeader) {
  const auto error = [](const std::string& header) { return ErrorOf(Npy(header, "abcd")); };
  EXPECT_THAT(error("hello"), HasSubstr("the header is not a dict: hello"));
  EXPECT_THAT(error("{'descr' '<f4'}"), HasSubstr("the header is broken at"));
  EXPECT_THAT(error("{'descr': '<f4' 'shape': (1,)}"), HasSubstr("the header is broken at"));
  EXPECT_THAT(error("{'colour': 3}"), HasSubstr("unknown key 'colour'"));
  EXPECT_THAT(error("{'fortran_order': 0}"), HasSubstr("'fortran_order' is not understood: 0"));
  EXPECT_THAT(error("{'shape': (1;)}"), HasSubstr("'shape' is not understood"));
  EXPECT_THAT(error("{'shape': (-1,)}"), HasSubstr("'shape' is not understood"));
  EXPECT_THAT(error("{'shape': (1,), 'fortran_order': False}"), HasSubstr("no 'descr'"));
  EXPECT_THAT(error("{'shape': (1,), 'descr': '<f4'}"), HasSubstr("no 'fortran_order'"));
  EXPECT_THAT(error("{'fortran_order': False, 'descr': '<f4'}"), HasSubstr("no 'shape'"));
  EXPECT_THAT(error(Header("<f4", "(1,)") + "x"), HasSubstr("goes on after its end: x"));
}

}  // namespace
}  // namespace boltzmann::client
