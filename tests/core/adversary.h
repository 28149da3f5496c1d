// Somebody who writes to rows while they are sampled.
#ifndef BOLTZMANN_TESTS_CORE_ADVERSARY_H_
#define BOLTZMANN_TESTS_CORE_ADVERSARY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/kernels.h"
#include "core/logits.h"
#include "tests/core/rows.h"

namespace boltzmann::test {

// Memory that holds a row, and what becomes of it.
class Prey {
 public:
  explicit Prey(const Encoded& logits);

  // The row in that memory, which is to be shared.
  core::LogitRow row() const { return core::LogitRow::Shared(memory_.data(), type_, size_); }

  // The row that holds still of which the answer must be: each block as it was when it was scanned
  // last. REQUIRES: an Adversary's kernels have scanned it.
  core::LogitRow AsScanned() const { return {scanned_.data(), type_, size_}; }

  // Changes it, flat to peaked, to NaN, or in one place, by chance.
  void Change(Stream& stream);
  void Write(int32_t token, float logit);

  // Puts it back to how it was made.
  void Restore() { memory_ = original_; }

  void NoteScan(const core::LogitRow& row, int first_block, size_t count);

 private:
  template <typename Logit>
  void Fill(Logit logit);
  void SwapBlocks(Stream& stream);

  core::DataType type_;
  int32_t size_;
  std::vector<std::byte> memory_;
  std::vector<std::byte> original_;
  std::vector<std::byte> scanned_;
};

// Changes its prey at random before and after kernels run: those of kernels(), while it lives. One
// at a time.
class Adversary {
 public:
  // Strikes with this chance each time.
  Adversary(core::InstructionSet set, std::vector<Prey>& prey, uint64_t seed, double chance);
  ~Adversary();
  Adversary(const Adversary&) = delete;
  Adversary& operator=(const Adversary&) = delete;

  static const core::Kernels& kernels();

  // What kernels do.
  static Adversary& Current();
  const core::Kernels& real() const { return real_; }
  void MayStrike();
  void NoteScan(const core::LogitRow& row, int first_block, size_t count);

 private:
  const core::Kernels& real_;
  std::vector<Prey>& prey_;
  Stream stream_;
  const double chance_;
};

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CORE_ADVERSARY_H_
