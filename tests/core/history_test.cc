#include "core/history.h"

#include <algorithm>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "tests/core/rows.h"

namespace boltzmann::test {
namespace {

using core::History;
using core::HistoryScratch;

// A text of few words, which repeats itself.
std::vector<int32_t> MakeText(Stream& s, size_t size) {
  std::vector<int32_t> text;
  while (text.size() < size) {
    const auto copied = static_cast<size_t>(s.Below(40));
    if (copied < text.size() && s.Below(3) == 0) {
      const std::vector<int32_t> again(text.end() - static_cast<int64_t>(copied), text.end());
      text.insert(text.end(), again.begin(), again.end());
    }
    text.push_back(static_cast<int32_t>(s.Below(3)));
  }
  text.resize(size);
  return text;
}

core::RowState StateOf(const std::vector<int32_t>& text, size_t prompt) {
  const auto all = absl::MakeConstSpan(text);
  return {.prompt_token_ids = all.first(prompt), .output_token_ids = all.subspan(prompt)};
}

TEST(History, NgramsOfEveryLengthAreFoundAsByComparingEachPlace) {
  Stream s(1);
  HistoryScratch scratch;
  for (int round = 0; round < 300; ++round) {
    const std::vector<int32_t> text = MakeText(s, static_cast<size_t>(s.Below(200)));
    const auto prompt = static_cast<size_t>(s.Below(static_cast<int64_t>(text.size()) + 1));
    const core::RowState state = StateOf(text, prompt);
    for (uint32_t n : {1u, 2u, 3u, 8u, 9u, 10u, 11u, 40u, 4000000000u}) {
      std::set<int32_t> expected;
      for (size_t i = 0; n <= text.size() && i + n <= text.size(); ++i) {
        const auto end = text.end() - (n - 1);
        if (std::equal(end, text.end(), text.begin() + static_cast<int64_t>(i))) {
          expected.insert(text[i + n - 1]);
        }
      }
      std::set<int32_t> found;
      core::ForEachRepeatedNgram(n, History(state), scratch,
                                 [&found](int32_t token) { found.insert(token); });
      ASSERT_EQ(found, expected) << n << " of " << text.size();
    }
  }
}

// What would take hours if each place, or each breaker, were compared token by token.
TEST(History, OfOneTokenAHundredThousandTimesTakesNoLongerThanAnother) {
  const std::vector<int32_t> text(100000, 7);
  const core::RowState state = StateOf(text, 50000);
  HistoryScratch scratch;
  int found = 0;
  core::ForEachRepeatedNgram(50000, History(state), scratch, [&found](int32_t) { ++found; });
  EXPECT_EQ(found, 50001);
  const std::vector<int32_t> nine = {9};
  const std::vector<core::TokenSequence> breakers(200000, nine);
  core::SamplingParams params = {.dry_multiplier = 1, .dry_sequence_breakers = breakers};
  uint32_t longest = 0;
  core::ForEachRepetition(params, History(state), scratch, [&longest](int32_t, uint32_t length) {
    longest = std::max(longest, length);
  });
  EXPECT_EQ(longest, 99999u);
}

}  // namespace
}  // namespace boltzmann::test
