// What `describe` shows of a row: the server's replies, side by side.
#ifndef BOLTZMANN_CLIENT_DESCRIBE_VIEW_H_
#define BOLTZMANN_CLIENT_DESCRIBE_VIEW_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "boltzmann/v1/sampler.pb.h"
#include "client/describe_calls.h"
#include "client/sweep.h"

namespace boltzmann::client {

// The text of a token; empty where tokens have none.
using WordOf = std::function<std::string(int32_t)>;

struct StageView {
  v1::StageReport report;
  // How many tokens the stage before left more; unset for the first, but for a temperature that
  // left all mass.
  std::optional<uint32_t> removed_count;
  std::optional<double> removed_mass;  // unset for edits, which change it
};

struct TokenView {
  int32_t id = 0;
  std::string word;
  double model_probability = 0;
  double sampled_probability = 0;
  std::optional<double> model_logprob;
  std::optional<double> sampled_logprob;
  // The mass of this token and those listed before it.
  double model_mass = 0;
  double sampled_mass = 0;
  bool kept = false;
  // "kept", or the stage that removed it; "impossible" if its logit is -infinity.
  std::string fate;
};

// How often a token was drawn.
struct DrawView {
  int32_t id = 0;  // -1 stands for all tokens not listed
  std::string word;
  double probability = 0;
  double expected = 0;  // of the draws
  uint32_t observed = 0;
  double deviation = 0;  // in standard errors; 0 for a certain token
};

struct DrawsView {
  uint64_t seed = 0;
  uint32_t count = 0;
  std::vector<DrawView> tokens;
  // Pearson's, over the tokens that 5 draws or more are expected of, the others counted together;
  // 0 cells mean that there were not two of them.
  double chi_square = 0;
  int cells = 0;
  // The most deviant of those tokens; -1 if there is none.
  int most_deviant = -1;
  // Draws of tokens that were not kept, by the server's own word: there must be none.
  uint32_t impossible = 0;
};

struct RowView {
  int number = 0;
  uint32_t vocab_size = 0;
  v1::RowDescription description;
  std::vector<StageView> stages;
  // The first tokens of the row as received, then those of the sampled distribution that are not
  // among them.
  std::vector<TokenView> tokens;
  std::vector<std::string> words;  // of all tokens by id, where the reply has all of them
  std::optional<DrawsView> draws;
};

// A row at each value of a parameter; `descriptions` has one for each.
struct SweepView {
  int row = 0;
  Sweep sweep;
  v1::DescribeResponse response;
  WordOf word_of;
};

// Rows numbered from `first_row` on. With `draws` above 0 each says how that many draws came out.
std::vector<RowView> ViewRows(const v1::DescribeRequest& request, const DescribeAnswers& answers,
                              int first_row, uint32_t draws, const WordOf& word_of);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_DESCRIBE_VIEW_H_
