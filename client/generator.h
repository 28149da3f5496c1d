// Writes texts with an n-gram model and a server that samples.
#ifndef BOLTZMANN_CLIENT_GENERATOR_H_
#define BOLTZMANN_CLIENT_GENERATOR_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "client/client.h"
#include "client/ngram_model.h"
#include "client/shared_ring.h"
#include "client/tokenizer.h"

namespace boltzmann::client {

// A text being written.
struct Sequence {
  // What the model goes by: the known tokens of the prompt, then those that were drawn.
  std::vector<int32_t> tokens;
  // What the server goes by. The seed, if it is set, is kept; else the one that the server picks at
  // the first step is. The Generator sets everything else but the draw count.
  v1::RowState state;
  // Whether a stop token was drawn: it is the last.
  bool ended = false;
  Detokenizer detokenizer;
  std::string text;
};

// Whether parameters go by the prompt of a row's history, and by what was generated. Where they do
// not, there is no need to send it.
bool NeedsPrompt(const v1::SamplingParams& params);
bool NeedsOutput(const v1::SamplingParams& params);

// Continues several sequences together: one call of Sample for each step, one row for each sequence
// that has not ended. Not thread-safe. `client`, `model` and `ring` must outlive it.
class Generator {
 public:
  // `params` apply to every row; one of their stop tokens, once drawn, ends its sequence. Where
  // `stream` is not null, every new piece of text is printed to it at once. Where `ring` is not
  // null, logits are left in it, not sent; a slot must hold one row for each sequence.
  Generator(const Client& client, const NgramModel& model, const v1::SamplingParams& params,
            std::vector<Sequence> sequences, std::ostream* stream, SharedRing* ring);

  // Draws `steps` tokens for each sequence, at positions 0, 1, 2 and so on, or fewer if it ends. To
  // be called once. On failure, of the call
  // or of a row, stops with its status; the sequences keep what they have.
  absl::Status Run(uint32_t steps);

  const std::vector<Sequence>& sequences() const { return sequences_; }

 private:
  // The sequences that have not ended.
  std::vector<Sequence*> Running();
  // Everything of a step's request but where the logits are.
  v1::SampleRequest MakeRequest(absl::Span<Sequence* const> running) const;
  void WriteLogits(absl::Span<Sequence* const> running, absl::Span<float> logits) const;
  absl::StatusOr<v1::SampleResponse> CallInline(absl::Span<Sequence* const> running) const;
  absl::StatusOr<v1::SampleResponse> CallShared(absl::Span<Sequence* const> running) const;
  absl::Status Step(uint32_t position, absl::Span<Sequence* const> running);
  absl::Status Accept(const v1::RowResult& result, Sequence& sequence);
  void UpdateState(const v1::RowResult& result, int32_t token, Sequence& sequence);

  const Client& client_;
  const NgramModel& model_;
  const v1::SamplingParams params_;
  std::vector<Sequence> sequences_;
  std::ostream* const stream_;
  SharedRing* const ring_;
};

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_GENERATOR_H_
