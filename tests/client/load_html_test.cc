#include "client/load_html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/html_text.h"
#include "client/svg_chart.h"
#include "tests/client/load_samples.h"

namespace boltzmann::client {
namespace {

using test::FaultyStep;
using test::Result;
using test::Step;
using ::testing::HasSubstr;
using ::testing::Not;

// The name of an element, from what is between < and >.
std::string ElementName(const std::string& tag) { return tag.substr(0, tag.find_first_of(" />")); }

// That every element is closed, in the right order, and that no bare < or & is left.
void ExpectWellFormed(const std::string& html) {
  std::vector<std::string> open;
  for (size_t at = html.find('<'); at != html.npos; at = html.find('<', at + 1)) {
    const size_t end = html.find_first_of("<>", at + 1);
    ASSERT_TRUE(end != html.npos && html[end] == '>') << html.substr(at, 40);
    const std::string tag = html.substr(at + 1, end - at - 1);
    if (tag.back() == '/' || tag == "!DOCTYPE html") continue;
    if (tag[0] != '/') {
      open.push_back(ElementName(tag));
      continue;
    }
    ASSERT_FALSE(open.empty()) << tag;
    ASSERT_EQ(tag.substr(1), open.back());
    open.pop_back();
  }
  EXPECT_TRUE(open.empty());
  for (size_t at = html.find('&'); at != html.npos; at = html.find('&', at + 1)) {
    EXPECT_LE(html.find(';', at), at + 5) << html.substr(at, 40);
  }
}

LoadResult Sweep() {
  LoadResult result = Result({Step(1), FaultyStep(2), Step(4, {}, 100)});
  result.best = 1;
  result.objective = "p99<5s";
  result.aborted = "the server & its host are gone";
  return result;
}

TEST(LoadHtml, IsWellFormed) {
  ExpectWellFormed(LoadHtml(Result({})));
  ExpectWellFormed(LoadHtml(Result({LoadStep{}})));
  ExpectWellFormed(LoadHtml(Result({Step(1)})));
  ExpectWellFormed(LoadHtml(Sweep()));
}

TEST(LoadHtml, LoadsAndRunsNothing) {
  const std::string html = LoadHtml(Sweep());
  for (const char* reference : {"http", "src=", "href=", "url(", "@import", "<script", "<link"}) {
    EXPECT_THAT(html, Not(HasSubstr(reference)));
  }
}

TEST(LoadHtml, EscapesWhatTheServerSays) {
  LoadStep step = FaultyStep(1);
  step.first_error = "<script>alert('&')</script>";
  step.errors = {{"<b>", 1}};
  step.warnings = {"<i>"};
  LoadResult result = Result({step});
  result.server_version = "<u>";
  result.instruction_set = "\"";
  result.settings["<s>"] = "</td>";
  const std::string html = LoadHtml(result);
  ExpectWellFormed(html);
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;"));
  for (const char* tag : {"<script", "<b>&lt", "<i>", "<u>", "<s>"}) {
    EXPECT_THAT(html, Not(HasSubstr(tag)));
  }
}

TEST(LoadHtml, HasTheChartsThatTheTestCanHave) {
  const std::string single = LoadHtml(Result({Step(1)}));
  EXPECT_THAT(single, HasSubstr("Latency by percentile"));
  EXPECT_THAT(single, HasSubstr("Latency over time"));
  EXPECT_THAT(single, HasSubstr("Calls a second over time"));
  EXPECT_THAT(single, Not(HasSubstr("Latency against throughput")));
  EXPECT_THAT(LoadHtml(Sweep()), HasSubstr("Latency against throughput"));
  EXPECT_THAT(LoadHtml(Result({LoadStep{}})), Not(HasSubstr("<svg")));
}

TEST(HtmlText, KeepsTextAndNothingElse) {
  EXPECT_EQ(HtmlText("a<b>&\"'\n\t"), "a&lt;b&gt;&amp;&quot;&#39;\n\t");
  EXPECT_EQ(HtmlText("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
  EXPECT_EQ(HtmlText(std::string("\0\x1b\x7f\xff", 4)),
            "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

std::vector<double> TickPlaces(const ChartAxis& axis) {
  std::vector<double> places;
  for (const ChartTick& tick : axis.ticks) places.push_back(tick.at);
  return places;
}

TEST(ChartAxis, HasTicksAtRoundNumbers) {
  EXPECT_THAT(TickPlaces(LinearAxis("", 0, 9)),
              ::testing::Pointwise(::testing::DoubleEq(), {0., 2., 4., 6., 8., 10.}));
  EXPECT_THAT(TickPlaces(LinearAxis("", 0, 1234)),
              ::testing::Pointwise(::testing::DoubleEq(), {0., 500., 1000., 1500.}));
  EXPECT_THAT(TickPlaces(LogAxis("", 3, 20)),
              ::testing::Pointwise(::testing::DoubleEq(), {2., 5., 10., 20.}));
  EXPECT_THAT(TickPlaces(LogAxis("", 0.01, 1000)),
              ::testing::Pointwise(::testing::DoubleEq(), {.01, .1, 1., 10., 100., 1000.}));
}

TEST(ChartAxis, HasAnExtentWhateverTheNumbers) {
  EXPECT_GT(LinearAxis("", 0, 0).max, 0);
  EXPECT_EQ(LinearAxis("", 0, 0).ticks[0].label, "0");
  for (const double at : {1e-6, 0.7, 10., 12.}) {
    EXPECT_LE(LogAxis("", at, at).min, at * (1 + 1e-9));
    EXPECT_GE(LogAxis("", at, at).max, at * (1 - 1e-9));
    EXPECT_LT(LogAxis("", at, at).min, LogAxis("", at, at).max);
  }
}

}  // namespace
}  // namespace boltzmann::client
