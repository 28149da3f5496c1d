// A small language model: which word comes next, learnt by counting.
#ifndef BOLTZMANN_CLIENT_NGRAM_MODEL_H_
#define BOLTZMANN_CLIENT_NGRAM_MODEL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"

namespace boltzmann::client {

// An interpolated n-gram model of order 4 with Witten-Bell smoothing:
//
//   p(w | h) = (c(h, w) + t(h) * p(w | h')) / (c(h) + t(h))
//
// where c counts, t(h) is how many different words follow h, and h' is h without its first word. A
// history never seen leaves p(w | h'). Below the empty history lies the uniform distribution, so
// every word has a positive probability after every history.
// Source: Witten and Bell 1991, as in Chen and Goodman 1998.
//
// Immutable once built: any thread may use it.
class NgramModel {
 public:
  // Learns from `tokens`, which must not be empty. Ids are given in the order of first appearance.
  // O(n log n).
  explicit NgramModel(absl::Span<const std::string> tokens);

  int32_t vocab_size() const { return static_cast<int32_t>(words_.size()); }

  // `id` must be in [0, vocab_size()).
  const std::string& Word(int32_t id) const { return words_[id]; }

  // The word's id, if the corpus has it.
  std::optional<int32_t> Find(const std::string& word) const;

  // Writes ln p(w | context) for every word w; only the last three ids of `context` count. `logits`
  // must hold vocab_size() values. O(V); allocates V doubles.
  void Logits(absl::Span<const int32_t> context, absl::Span<float> logits) const;

 private:
  static constexpr size_t kOrder = 4;

  // What came before, newest last, filled up with -1 at the end.
  using History = std::array<int32_t, kOrder - 1>;

  // What followed a history: a range of `follower_counts_`.
  struct Followers {
    size_t begin = 0;
    size_t size = 0;    // different words
    int64_t total = 0;  // all of them
  };

  std::vector<int32_t> AssignIds(absl::Span<const std::string> tokens);
  void CountFollowers(absl::Span<const int32_t> ids, size_t length);
  static History MakeHistory(absl::Span<const int32_t> ids);
  void Interpolate(const Followers& followers, std::vector<double>& probabilities) const;

  std::vector<std::string> words_;
  absl::flat_hash_map<std::string, int32_t> ids_;
  absl::flat_hash_map<History, Followers> followers_;
  std::vector<std::pair<int32_t, int64_t>> follower_counts_;  // word, count
};

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_NGRAM_MODEL_H_
