#include "client/describe_view.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/container/flat_hash_map.h"
#include "client/row_status.h"

namespace boltzmann::client {
namespace {

// From how many expected draws on a count is near enough to normal.
constexpr double kFewestExpected = 5;

using Logprobs = absl::flat_hash_map<int32_t, double>;
using Column = google::protobuf::RepeatedField<float>;

void AddLogprobs(const v1::TokenTable& table, const Column& column, Logprobs& logprobs) {
  for (int i = 0; i < std::min(table.token_ids_size(), column.size()); ++i) {
    logprobs.emplace(table.token_ids(i), column[i]);
  }
}

std::optional<double> Find(const Logprobs& logprobs, int32_t id) {
  const auto found = logprobs.find(id);
  if (found == logprobs.end()) return std::nullopt;
  return found->second;
}

bool IsImpossible(std::optional<double> logprob) {
  return logprob == -std::numeric_limits<double>::infinity();
}

std::vector<StageView> ViewStages(const v1::RowDescription& row) {
  std::vector<StageView> stages;
  for (int i = 0; i < row.stages_size(); ++i) {
    StageView view;
    view.report = row.stages(i);
    if (view.report.stage() != "edits") view.removed_mass = 1 - double{view.report.mass()};
    if (i > 0) {
      const uint32_t before = row.stages(i - 1).token_count();
      view.removed_count = before - std::min(before, view.report.token_count());
    } else if (view.report.stage() == "temperature" && view.report.mass() == 1) {
      view.removed_count = 0;
    }
    stages.push_back(view);
  }
  return stages;
}

// The tokens of one row, with what is known of each.
class TokenLister {
 public:
  TokenLister(const DescribeAnswers& answers, int row, const WordOf& word_of)
      : answers_(answers), row_(row), word_of_(word_of) {
    if (row >= answers.sample.results_size()) return;
    const v1::RowResult& result = answers.sample.results(row);
    for (const v1::TokenTable* table : {&result.top_model(), &result.top_sampled()}) {
      AddLogprobs(*table, table->model_logprobs(), model_logprobs_);
      AddLogprobs(*table, table->sampled_logprobs(), sampled_logprobs_);
    }
    for (const StageSample& after : answers.after) {
      const v1::TokenTable& table = after.response.results(row).top_model();
      AddLogprobs(table, table.sampled_logprobs(), after_.emplace_back());
    }
  }

  std::vector<TokenView> List() {
    const v1::RowDescription& row = answers_.descriptions.descriptions(row_);
    for (const v1::ProbabilityTable* table : {&row.top_model(), &row.top_sampled()}) {
      for (int i = 0; i < table->token_ids_size(); ++i) Add(*table, i);
    }
    return tokens_;
  }

 private:
  void Add(const v1::ProbabilityTable& table, int i) {
    TokenView token;
    token.id = table.token_ids(i);
    for (const TokenView& listed : tokens_) {
      if (listed.id == token.id) return;
    }
    token.word = word_of_(token.id);
    if (i < table.model_probabilities_size())
      token.model_probability = table.model_probabilities(i);
    if (i < table.sampled_probabilities_size())
      token.sampled_probability = table.sampled_probabilities(i);
    token.model_logprob = Find(model_logprobs_, token.id);
    token.sampled_logprob = Find(sampled_logprobs_, token.id);
    token.model_mass = token.model_probability + (tokens_.empty() ? 0 : tokens_.back().model_mass);
    token.sampled_mass =
        token.sampled_probability + (tokens_.empty() ? 0 : tokens_.back().sampled_mass);
    SetFate(token);
    tokens_.push_back(token);
  }

  // By the log-prob, which is finite where the probability is too small for a float.
  void SetFate(TokenView& token) const {
    token.kept = token.sampled_logprob ? !IsImpossible(token.sampled_logprob)
                                       : token.sampled_probability > 0;
    token.fate = token.kept ? "kept" : answers_.last_stage;
    if (token.kept) return;
    if (IsImpossible(token.model_logprob)) token.fate = "impossible";
    for (size_t i = 0; i < after_.size() && token.fate != "impossible"; ++i) {
      if (!IsImpossible(Find(after_[i], token.id))) continue;
      token.fate = answers_.after[i].stage;
      return;
    }
  }

  const DescribeAnswers& answers_;
  const int row_;
  const WordOf& word_of_;
  Logprobs model_logprobs_;
  Logprobs sampled_logprobs_;
  std::vector<Logprobs> after_;
  std::vector<TokenView> tokens_;
};

// Sets what follows from the probability and the observed count.
void Compare(uint32_t count, DrawView& token) {
  token.expected = token.probability * count;
  const double variance = token.expected * (1 - token.probability);
  if (variance > 0) token.deviation = (token.observed - token.expected) / std::sqrt(variance);
}

struct Cell {
  double expected = 0;
  double observed = 0;
};

// Tokens that few draws are expected of share a cell, or the last one if they are few together.
std::vector<Cell> Cells(const DrawsView& draws) {
  std::vector<Cell> cells;
  Cell few;
  for (const DrawView& token : draws.tokens) {
    const Cell cell = {token.expected, static_cast<double>(token.observed)};
    if (cell.expected >= kFewestExpected) {
      cells.push_back(cell);
    } else {
      few = {few.expected + cell.expected, few.observed + cell.observed};
    }
  }
  if (few.expected >= kFewestExpected) {
    cells.push_back(few);
  } else if (!cells.empty()) {
    cells.back().expected += few.expected;
    cells.back().observed += few.observed;
  }
  return cells;
}

void Judge(DrawsView& draws) {
  double most = -1;
  for (size_t i = 0; i < draws.tokens.size(); ++i) {
    const DrawView& token = draws.tokens[i];
    if (token.expected < kFewestExpected || std::abs(token.deviation) <= most) continue;
    most = std::abs(token.deviation);
    draws.most_deviant = static_cast<int>(i);
  }
  const std::vector<Cell> cells = Cells(draws);
  if (cells.size() < 2 || draws.most_deviant < 0) return;
  draws.cells = static_cast<int>(cells.size());
  for (const Cell& cell : cells) {
    const double difference = cell.observed - cell.expected;
    draws.chi_square += difference * difference / cell.expected;
  }
}

DrawsView ViewDraws(const v1::RowResult& result, const std::vector<TokenView>& tokens) {
  DrawsView draws;
  draws.seed = result.seed();
  draws.count = static_cast<uint32_t>(result.drawn().token_ids_size());
  absl::flat_hash_map<int32_t, uint32_t> observed;
  for (const int32_t id : result.drawn().token_ids()) ++observed[id];
  for (const float logprob : result.drawn().sampled_logprobs()) {
    if (IsImpossible(logprob)) ++draws.impossible;
  }
  DrawView others;
  others.id = -1;
  others.probability = 1;
  others.observed = draws.count;
  for (const TokenView& token : tokens) {
    DrawView& view = draws.tokens.emplace_back();
    view.id = token.id;
    view.word = token.word;
    view.probability = token.sampled_probability;
    view.observed = observed[token.id];
    Compare(draws.count, view);
    others.probability -= view.probability;
    others.observed -= view.observed;
    if (!token.kept && view.observed == 0) draws.tokens.pop_back();
  }
  // What float probabilities that are all of the mass may lack of 1 is no token's.
  constexpr double kRounding = 1e-5;
  if (others.probability > kRounding || others.observed > 0) {
    others.probability = std::max(0.0, others.probability);
    Compare(draws.count, others);
    draws.tokens.push_back(others);
  }
  Judge(draws);
  return draws;
}

}  // namespace

std::vector<RowView> ViewRows(const v1::DescribeRequest& request, const DescribeAnswers& answers,
                              int first_row, uint32_t draws, const WordOf& word_of) {
  std::vector<RowView> views;
  for (int row = 0; row < answers.descriptions.descriptions_size(); ++row) {
    RowView& view = views.emplace_back();
    view.number = first_row + row;
    view.vocab_size = request.logits().vocab_size();
    view.description = answers.descriptions.descriptions(row);
    if (!IsAnswered(view.description.status())) continue;
    view.stages = ViewStages(view.description);
    view.tokens = TokenLister(answers, row, word_of).List();
    for (int id = 0; id < view.description.model_probabilities_size(); ++id) {
      view.words.push_back(word_of(id));
    }
    if (draws > 0) view.draws = ViewDraws(answers.sample.results(row), view.tokens);
  }
  return views;
}

}  // namespace boltzmann::client
