#include "client/ngram_model.h"

#include <algorithm>
#include <cmath>

namespace boltzmann::client {

NgramModel::NgramModel(absl::Span<const std::string> tokens) {
  const std::vector<int32_t> ids = AssignIds(tokens);
  for (size_t length = 0; length < kOrder; ++length) CountFollowers(ids, length);
}

std::vector<int32_t> NgramModel::AssignIds(absl::Span<const std::string> tokens) {
  std::vector<int32_t> ids;
  ids.reserve(tokens.size());
  for (const std::string& token : tokens) {
    const auto [it, is_new] = ids_.try_emplace(token, vocab_size());
    if (is_new) words_.push_back(token);
    ids.push_back(it->second);
  }
  return ids;
}

NgramModel::History NgramModel::MakeHistory(absl::Span<const int32_t> ids) {
  History history;
  history.fill(-1);
  std::copy(ids.begin(), ids.end(), history.begin());
  return history;
}

// Sorts all pairs of a history of `length` words and the word after it, and counts equal ones.
void NgramModel::CountFollowers(absl::Span<const int32_t> ids, size_t length) {
  std::vector<std::pair<History, int32_t>> pairs;
  for (size_t i = length; i < ids.size(); ++i) {
    pairs.emplace_back(MakeHistory(ids.subspan(i - length, length)), ids[i]);
  }
  std::sort(pairs.begin(), pairs.end());
  for (size_t i = 0; i < pairs.size(); ++i) {
    Followers& followers = followers_[pairs[i].first];
    if (followers.total == 0) followers.begin = follower_counts_.size();
    ++followers.total;
    if (i > 0 && pairs[i] == pairs[i - 1]) {
      ++follower_counts_.back().second;
    } else {
      follower_counts_.emplace_back(pairs[i].second, 1);
      ++followers.size;
    }
  }
}

std::optional<int32_t> NgramModel::Find(const std::string& word) const {
  const auto it = ids_.find(word);
  if (it == ids_.end()) return std::nullopt;
  return it->second;
}

void NgramModel::Interpolate(const Followers& followers, std::vector<double>& probabilities) const {
  const auto types = static_cast<double>(followers.size);
  const double sum = static_cast<double>(followers.total) + types;
  for (double& probability : probabilities) probability *= types / sum;
  for (size_t i = followers.begin; i < followers.begin + followers.size; ++i) {
    const auto [word, count] = follower_counts_[i];
    probabilities[word] += static_cast<double>(count) / sum;
  }
}

void NgramModel::Logits(absl::Span<const int32_t> context, absl::Span<float> logits) const {
  std::vector<double> probabilities(words_.size(), 1.0 / vocab_size());
  for (size_t length = 0; length < kOrder && length <= context.size(); ++length) {
    const auto it = followers_.find(MakeHistory(context.last(length)));
    if (it == followers_.end()) break;
    Interpolate(it->second, probabilities);
  }
  for (size_t i = 0; i < probabilities.size(); ++i) {
    logits[i] = static_cast<float>(std::log(probabilities[i]));
  }
}

}  // namespace boltzmann::client
