#include "tests/core/by_eye.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/reference.h"

namespace boltzmann::test {
namespace {

Answer AskReference(const Row& row) {
  const ReferenceResult r = Reference(row.logits.widened(), row.params, row.state);
  Answer answer{.status = r.status, .offending_token = r.offending_token, .drawn = r.drawn};
  if (r.status != core::RowStatus::kOk) return answer;
  for (int32_t t : r.kept) answer.left.push_back({t, std::exp(r.sampled_logprobs[t])});
  for (int32_t t : r.order) {
    answer.model.push_back({t, std::exp(r.model_logprobs[t])});
    answer.top_ranks.push_back(r.ranks[t]);
  }
  answer.kept_mass = r.kept_mass;
  answer.mirostat_mu = r.mirostat_mu;
  for (const ReferenceStage& s : r.stages) {
    // A name that outlives the answer.
    const std::optional<core::Stage> stage = core::FindStage(s.name);
    answer.stages.push_back({stage ? core::NameOf(*stage) : "edits",
                             static_cast<uint32_t>(s.token_count), static_cast<float>(s.mass),
                             static_cast<float>(s.entropy), s.temperature});
  }
  return answer;
}

std::vector<TokenShare> Shares(absl::Span<const int32_t> ids, absl::Span<const float> logprobs) {
  std::vector<TokenShare> shares;
  for (size_t i = 0; i < ids.size(); ++i) shares.push_back({ids[i], std::exp(logprobs[i])});
  return shares;
}

Answer AskCore(Row row) {
  row.outputs = AskAll(row.vocab_size());
  row.outputs.stages = true;
  const Sampled sampled(SharedEngine(), row);
  const core::RowResult& r = sampled[0];
  Answer answer{.status = r.status, .offending_token = r.offending_token};
  answer.drawn.assign(r.drawn.token_ids.begin(), r.drawn.token_ids.end());
  if (!core::IsAnswered(r.status)) return answer;
  answer.left = Shares(r.top_sampled.token_ids, r.top_sampled.sampled_logprobs);
  answer.model = Shares(r.top_model.token_ids, r.top_model.model_logprobs);
  answer.top_ranks.assign(r.top_model.ranks.begin(), r.top_model.ranks.end());
  answer.kept_mass = *r.kept_mass;
  answer.mirostat_mu = r.mirostat_mu;
  answer.stages = r.stages;
  return answer;
}

std::string Text(const std::vector<TokenShare>& shares) {
  std::string text;
  for (const TokenShare& s : shares) absl::StrAppend(&text, " ", s.token_id, ":", s.probability);
  return text;
}

bool AreClose(const TokenShare& a, const TokenShare& b) {
  return a.token_id == b.token_id && std::abs(a.probability - b.probability) <= 1e-6;
}

}  // namespace

std::string NameOfWho(const testing::TestParamInfo<Who>& who) {
  return who.param == Who::kReference ? "Reference" : "Core";
}

Answer Ask(Who who, const Row& row) {
  return who == Who::kReference ? AskReference(row) : AskCore(row);
}

Row Likely(const std::vector<double>& probabilities, const core::SamplingParams& params,
           RowLists lists) {
  std::vector<float> logits;
  for (double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return Raw(logits, params, std::move(lists));
}

Row Raw(const std::vector<float>& logits, const core::SamplingParams& params, RowLists lists) {
  Row row{.logits = Encoded(logits), .params = params};
  row.Keep(std::move(lists));
  return row;
}

Row Four(const core::SamplingParams& params, RowLists lists) {
  return Likely({.1, .2, .3, .4}, params, std::move(lists));
}

testing::AssertionResult ByEye::Leaves(const Row& row,
                                       const std::vector<TokenShare>& expected) const {
  const Answer answer = Ask(row);
  if (!std::equal(answer.left.begin(), answer.left.end(), expected.begin(), expected.end(),
                  AreClose)) {
    return testing::AssertionFailure()
           << "left" << Text(answer.left) << ", expected" << Text(expected);
  }
  for (int32_t token : answer.drawn) {
    const auto is_drawn = [&](const TokenShare& s) { return s.token_id == token; };
    if (std::any_of(expected.begin(), expected.end(), is_drawn)) continue;
    return testing::AssertionFailure() << "token " << token << " was drawn";
  }
  return testing::AssertionSuccess();
}

}  // namespace boltzmann::test
