// What one row is drawn from.
#ifndef BOLTZMANN_CORE_DISTRIBUTION_H_
#define BOLTZMANN_CORE_DISTRIBUTION_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "core/absent.h"
#include "core/batch.h"
#include "core/edits.h"
#include "core/ranking.h"
#include "core/scan.h"
#include "core/snapshot.h"
#include "core/stages.h"

namespace boltzmann::core {

// Memory that a worker reuses from row to row. It grows to what the largest row needs
// (96 bytes a block of 256 logits, and 8 more to verify; 8 a logit where a row must be sorted; what
// edits take; a row that may change once more) and stays.
struct RowScratch {
  std::vector<Block> blocks;
  std::vector<Block> other_blocks;  // of the row as received, or without its ceiling
  RankingScratch ranking;
  RankingScratch received_ranking;
  EditScratch edits;
  Snapshot snapshot;
  std::vector<uint64_t> candidate_keys;
  std::vector<int32_t> candidate_ids;
  std::vector<float> candidate_logits;
  std::vector<uint64_t> draft_keys;     // token ids above places in the draft
  std::vector<double> residual_masses;  // of each block
};

// A row from its logits to the set that its stages keep. Tokens are named by their index among
// the row's logits, which is their id unless the row is sparse. Not thread-safe.
class Distribution {
 public:
  // Edits, scans and runs the stages; what they left goes to `reports` if it is not null.
  // Allocates nothing once `scratch` has grown. REQUIRES: the request is valid; it and `scratch`
  // outlive the distribution. This and whatever else reads a row that may change throws
  // LogitsChanged where it has; then nothing more may be called, and `scratch` is fit for the next
  // row.
  Distribution(const Kernels& kernels, const RowRequest& request, RowScratch& scratch,
               ParallelFor parallel_for, std::vector<StageReport>* reports);

  Distribution(const Distribution&) = delete;
  Distribution& operator=(const Distribution&) = delete;

  // Unless it has an answer nothing below may be called but the first two.
  RowStatus status() const { return status_; }
  int32_t offending_token() const { return IdOf(row_.offending_token); }

  // The token that a number in [0, 1) falls on.
  int32_t TokenAt(double u);

  // ln of a token's probability, -infinity if it has none; under the sampled distribution and
  // under the model's.
  double SampledLogprob(int32_t token) const;
  double ModelLogprob(int32_t token) const;

  // Whether a token is drawn with more than this probability.
  bool IsAbove(int32_t token, double probability);

  int block_count() const { return static_cast<int>(row_.blocks.size()); }
  // Whether a block may hold a kept token.
  bool MayKeep(int block) const { return row_.blocks[block].max >= LogitOf(set_.cut); }
  // The weight of each kept token of one block, 0 for the others, in units of ExactMass().
  // REQUIRES: `weights` has room for kBlockSize of them.
  void BlockWeights(int block, double* weights) const;
  // The mass of the kept tokens, in double.
  double ExactMass();

  // The first tokens of the order, as received and of what is kept.
  absl::Span<const RankKey> TopModel(int32_t count) { return AsReceived().ranking.Top(count); }
  absl::Span<const RankKey> TopSampled(int32_t count);

  // 1 + the tokens whose logit as received is strictly greater than this token's; where several
  // are asked for, the order is worth knowing first.
  void ExpectRanks() { AsReceived().ranking.Top(received_.vocab_size()); }
  int32_t RankOf(int32_t token) { return AsReceived().ranking.RankOf(received_.ReceivedAt(token)); }

  double ModelEntropyBits();
  double SampledEntropyBits();
  int32_t KeptCount() const { return Count(row_, set_.cut); }
  double KeptMass();

  int32_t size() const { return received_.vocab_size(); }
  int32_t IdOf(int32_t token) const {
    return ids_.empty() || token < 0 ? token : ids_[static_cast<size_t>(token)];
  }
  // The index of a token id; none if it is no candidate.
  std::optional<int32_t> IndexOf(int32_t id) const;

 private:
  // The row as it was received, scanned.
  struct Received {
    ScannedRow& row;
    Ranking& ranking;
  };

  AbsentEdits Edit();
  void SortCandidates();
  void FindAbsent();
  Received AsReceived();

  const Kernels& kernels_;
  const RowRequest& request_;
  RowScratch& scratch_;
  ParallelFor parallel_for_;
  absl::Span<const int32_t> ids_;  // of the logits, if the row is sparse
  LogitRow received_;
  LogitRow seen_;
  const AbsentEdits edits_;
  ScannedRow row_;
  Ranking ranking_;
  std::optional<ScannedRow> received_row_;  // if that is another than row_
  std::optional<Ranking> received_ranking_;
  Absent absent_;
  KeptSet set_;
  Kept measured_;  // set_.kept, or what was measured in double because a decision needed it
  RowStatus status_ = RowStatus::kOk;
  double log_model_total_ = 0;  // of exp(l - received max), natural log
  double log_kept_mass_ = 0;
};

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_DISTRIBUTION_H_
