// Writes texts with an n-gram model and a server that samples.
#ifndef BOLTZMANN_CLIENT_GENERATOR_H_
#define BOLTZMANN_CLIENT_GENERATOR_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/client.h"
#include "client/ngram_model.h"
#include "client/tokenizer.h"

namespace boltzmann::client {

// A text being written.
struct Sequence {
  // What the model goes by: the known tokens of the prompt, then those that were drawn.
  std::vector<int32_t> tokens;
  // The seed, if it is set, is kept; else the one that the server picks at the first step is.
  v1::RowState state;
  Detokenizer detokenizer;
  std::string text;
};

// Continues several sequences together: one call of Sample for each step, one row for each
// sequence. Not thread-safe. `client` and `model` must outlive it.
class Generator {
 public:
  // `params` apply to every row. Where `stream` is not null, every new piece of text is printed to
  // it at once.
  Generator(const Client& client, const NgramModel& model, const v1::SamplingParams& params,
            std::vector<Sequence> sequences, std::ostream* stream);

  // Draws `steps` tokens for each sequence, at positions 0, 1, 2 and so on. On failure, of the call
  // or of a row, stops with its status; the sequences keep what they have.
  absl::Status Run(uint32_t steps);

  const std::vector<Sequence>& sequences() const { return sequences_; }

 private:
  v1::SampleRequest MakeRequest() const;
  absl::Status Step(uint32_t position);
  absl::Status Accept(const v1::RowResult& result, Sequence& sequence);

  const Client& client_;
  const NgramModel& model_;
  const v1::SamplingParams params_;
  std::vector<Sequence> sequences_;
  std::ostream* const stream_;
};

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_GENERATOR_H_
