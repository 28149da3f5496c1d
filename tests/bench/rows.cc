#include "tests/bench/rows.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <random>
#include <set>
#include <tuple>

#include "client/float_types.h"

namespace boltzmann::bench {
namespace {

constexpr double kBackgroundSigma = 2.5;
constexpr int kHeadSize = 50;

using Random = std::mt19937_64;

void FillNormal(double sigma, Random& random, std::span<float> row) {
  std::normal_distribution<float> normal(0, static_cast<float>(sigma));
  for (float& logit : row) logit = normal(random);
}

// Overwrites random tokens of a background with a head.
void AddHead(Random& random, std::span<float> row) {
  std::set<size_t> tokens;
  std::uniform_int_distribution<size_t> any(0, row.size() - 1);
  while (tokens.size() < kHeadSize) tokens.insert(any(random));
  double background = 0;
  for (float logit : row) background += std::exp(double{logit});
  for (size_t token : tokens) background -= std::exp(double{row[token]});

  const double slope = std::uniform_real_distribution<>(1, 1.6)(random);
  const double share = std::uniform_real_distribution<>(.92, .98)(random);
  std::normal_distribution<> noise(0, .1);
  std::vector<double> head;
  double mass = 0;
  for (int rank = 1; rank <= kHeadSize; ++rank) {
    head.push_back(noise(random) - slope * std::log(rank));
    mass += std::exp(head.back());
  }
  const double height = std::log(share / (1 - share) * background / mass);
  // A set lists its tokens by id: in random order, ranks lie anywhere in the row.
  std::shuffle(head.begin(), head.end(), random);
  for (size_t i = 0; size_t token : tokens) row[token] = static_cast<float>(height + head[i++]);
}

double LogTotal(std::span<const float> logits) {
  const double max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float logit : logits) sum += std::exp(logit - max);
  return max + std::log(sum);
}

std::byte* Allocate(size_t size) {
  constexpr size_t kHugePage = size_t{2} << 20;
  const size_t rounded = (size + kHugePage - 1) / kHugePage * kHugePage;
  void* const bytes = std::aligned_alloc(kHugePage, rounded);
  if (bytes == nullptr) throw std::bad_alloc();
  madvise(bytes, rounded, MADV_HUGEPAGE);  // a wish: it may be refused
  return static_cast<std::byte*>(bytes);
}

uint16_t Narrow(core::DataType type, float x) {
  return type == core::DataType::kFloat16 ? client::Float32ToFloat16(x)
                                          : client::Float32ToBfloat16(x);
}

float Widen(core::DataType type, uint16_t bits) {
  return type == core::DataType::kFloat16 ? client::Float16ToFloat32(bits)
                                          : client::Bfloat16ToFloat32(bits);
}

}  // namespace

std::vector<float> MakeLogits(Shape shape, int32_t vocab_size, int row_count, double sigma) {
  Random random(1);
  std::vector<float> logits(static_cast<size_t>(row_count) * vocab_size);
  for (int i = 0; i < row_count; ++i) {
    const std::span row = std::span(logits).subspan(size_t(i) * vocab_size, vocab_size);
    FillNormal(shape == Shape::kPeaked ? kBackgroundSigma : sigma, random, row);
    if (shape == Shape::kPeaked) AddHead(random, row);
  }
  return logits;
}

Rows::Rows(std::span<const float> logits, core::DataType type, int32_t vocab_size)
    : type_(type),
      vocab_size_(vocab_size),
      row_bytes_(core::SizeOf(type) * vocab_size),
      bytes_(Allocate(logits.size() * core::SizeOf(type))),
      log_totals_(logits.size() / vocab_size) {
  std::byte* const out = bytes_.get();
  if (type == core::DataType::kFloat32) {
    std::memcpy(out, logits.data(), logits.size_bytes());
  } else {
    for (size_t i = 0; i < logits.size(); ++i) {
      const uint16_t bits = Narrow(type, logits[i]);
      std::memcpy(out + 2 * i, &bits, 2);
    }
  }
  for (int i = 0; i < size(); ++i) log_totals_[i] = LogTotal(Widened(i));
}

std::vector<float> Rows::Widened(int row) const {
  std::vector<float> logits(vocab_size_);
  for (int32_t token = 0; token < vocab_size_; ++token) logits[token] = WidenedAt(row, token);
  return logits;
}

float Rows::WidenedAt(int row, int32_t token) const {
  const std::byte* at = bytes_.get() + row * row_bytes_ + token * core::SizeOf(type_);
  if (type_ == core::DataType::kFloat32) {
    float logit;
    std::memcpy(&logit, at, 4);
    return logit;
  }
  uint16_t bits;
  std::memcpy(&bits, at, 2);
  return Widen(type_, bits);
}

const Rows& SharedRows(Shape shape, core::DataType type, int32_t vocab_size, int row_count) {
  static std::map<std::tuple<Shape, core::DataType, int32_t, int>, std::unique_ptr<Rows>> made;
  std::unique_ptr<Rows>& rows = made[{shape, type, vocab_size, row_count}];
  if (!rows) {
    rows = std::make_unique<Rows>(MakeLogits(shape, vocab_size, row_count), type, vocab_size);
  }
  return *rows;
}

}  // namespace boltzmann::bench
