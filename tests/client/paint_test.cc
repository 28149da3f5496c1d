#include "client/paint.h"

#include <gtest/gtest.h>

namespace boltzmann::client {
namespace {

TEST(Paint, DrawsBarsToAnEighthOfAColumn) {
  EXPECT_EQ(Bar(1, 4), "████");
  EXPECT_EQ(Bar(0.5, 4), "██");
  EXPECT_EQ(Bar(0.59375, 4), "██▍");
  EXPECT_EQ(PaddedBar(0.5, 4), "██  ");
  EXPECT_EQ(PaddedBar(0, 2), "  ");
}

TEST(Paint, ShowsWhatIsAboveZeroAndStaysWithinItsWidth) {
  EXPECT_EQ(Bar(1e-9, 4), "▏");
  EXPECT_EQ(Bar(0, 4), "");
  EXPECT_EQ(Bar(1.5, 2), "██");
  EXPECT_EQ(Spark(1e-9), "▁");
  EXPECT_EQ(Spark(0), ".");
  EXPECT_EQ(Spark(1), "█");
}

TEST(Paint, LeavesTextAloneWithoutColours) {
  EXPECT_EQ(Paint(false)(Ink::kFaint, "text"), "text");
  EXPECT_EQ(Paint(true)(Ink::kFaint, "text"), "\x1b[2mtext\x1b[0m");
  EXPECT_EQ(Paint(true)(Ink::kFaint, ""), "");
}

}  // namespace
}  // namespace boltzmann::client
