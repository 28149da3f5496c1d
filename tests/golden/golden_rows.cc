#include "tests/golden/golden_rows.h"

#include <utility>

namespace boltzmann::test {
namespace {

using core::DataType;

struct Case {
  size_t vocab_size;
  DataType type;
  double width;  // of the bell that the logits come from
  double step;   // between logits: coarse ones are tied
  core::SamplingParams params;
};

constexpr DataType k32 = DataType::kFloat32;
constexpr DataType k16 = DataType::kFloat16;
constexpr DataType kBf = DataType::kBFloat16;

constexpr Case kCases[] = {
    {1, k32, 1, 0x1p-16, {}},
    {2, k16, 1, 0x1p-16, {.temperature = .5}},
    {17, kBf, 2, 0x1p-16, {.temperature = 2, .top_k = 5}},
    {255, k32, 2.5, 0x1p-16, {.top_p = .9}},
    {256, k32, 2.5, 0x1p-16, {.temperature = .7, .min_p = .05}},
    {257, k32, 2.5, 0x1p-16, {.temperature = .3, .min_p = .01, .top_k = 20, .top_p = .8}},
    {1000, k32, 1, 1.0, {.top_k = 100}},
    {1000, k16, 1, 1.0, {.top_p = .5}},
    {1000, kBf, 1, 1.0, {.temperature = 0}},
    {1000, k32, 0, 1.0, {.top_p = .3}},
    {5000, k32, 1, 0x1p-16, {.top_p = .9}},
    {5000, k16, 3, 0x1p-16, {.temperature = 1.3}},
    {5000, kBf, 3, 0x1p-16, {.temperature = .9, .top_k = 50, .top_p = .95}},
    {5000, k32, 100, 0x1p-16, {.temperature = 1e-5}},
    {5000, k32, 100, 0x1p-16, {.temperature = 1e30, .top_p = .25}},
    {50257, k32, 2.5, 0x1p-16, {.temperature = .8, .top_p = .95}},
    {50257, k16, 2.5, 0x1p-16, {}},
    {128256, k32, 2.5, 0x1p-16, {.temperature = .7}},
    {128256, kBf, 2.5, 0x1p-16, {.temperature = .7, .top_k = 50}},
    {128256, k32, 1, 0x1p-16, {.top_p = .9}},
};

Row MakeRow(const Case& c, uint64_t index) {
  std::vector<float> logits = BellLogits(c.vocab_size, index, c.width, c.step);
  // Every other row has masked tokens.
  for (size_t i = 3; index % 2 == 1 && i < logits.size(); i += 1 + i % 5) logits[i] = -kInf;
  Row row{.logits = Encoded(logits, c.type), .params = c.params};
  const auto listed = static_cast<uint32_t>(c.vocab_size < 4 ? c.vocab_size : 4);
  row.outputs = AskAll(listed);
  row.named = {0, row.vocab_size() - 1, row.vocab_size() / 2};
  row.state = {
      .seed = 0x0123456789ABCDEF * (index + 1), .position = index << (index % 40), .draw_count = 4};
  return row;
}

}  // namespace

std::vector<Row> GoldenRows() {
  std::vector<Row> rows;
  for (const Case& c : kCases) rows.push_back(MakeRow(c, rows.size()));
  return rows;
}

}  // namespace boltzmann::test
