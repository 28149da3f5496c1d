// Batches to call with, as a request and as the engine in process takes them.
#ifndef BOLTZMANN_TESTS_BENCH_TRANSPORT_WORKLOAD_H_
#define BOLTZMANN_TESTS_BENCH_TRANSPORT_WORKLOAD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "boltzmann/v1/sampler.pb.h"
#include "client/payload.h"
#include "core/batch.h"
#include "core/engine.h"
#include "core/logits.h"

namespace boltzmann::bench {

// The tokens that a sparse row has.
inline constexpr int kCandidateCount = 1024;

// One decode step: V = 128256, peaked rows, temperature .7, both log-probs. Top-p .9 where all
// logits are given, and top-k 50 where the largest are, which then is exact.
class Workload {
 public:
  // All logits of the first `row_count` rows.
  Workload(core::DataType type, int row_count);

  // Their largest logits, as fp32: 8 KB a row.
  static std::unique_ptr<Workload> Sparse(int row_count);

  // Has the engine sample it, so that answers can be compared. What is wrong, or nothing.
  std::string Sample(core::Engine& engine);

  // What is wrong with the answer to a call, or nothing: it must be the engine's, to the bit.
  std::string Check(const v1::SampleResponse& response) const;

  int row_count() const { return static_cast<int>(batch_.rows.size()); }
  // The logits, as they lie; empty if they are sparse.
  client::Payload dense() const { return dense_; }
  // Bytes of logits, and of their tokens' ids.
  size_t bytes() const { return bytes_; }

  core::Batch& batch() { return batch_; }
  // A request with everything but dense logits.
  const v1::SampleRequest& request() const { return request_; }

 private:
  // The largest logits of a row.
  struct Largest {
    std::vector<int32_t> token_ids;
    std::vector<float> logits;
  };

  Workload() = default;
  void AddRow(const core::RowRequest& row);

  client::Payload dense_;
  size_t bytes_ = 0;
  std::vector<Largest> largest_;
  core::Batch batch_;
  v1::SampleRequest request_;
};

}  // namespace boltzmann::bench

#endif  // BOLTZMANN_TESTS_BENCH_TRANSPORT_WORKLOAD_H_
