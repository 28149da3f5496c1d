// A row that others may write to while it is read, made fit for code that reads it twice.
//
// The rule: no byte of such a row has a say twice unless both times it was the same. What is read
// before the scan, for edits, is copied and from then on read from there. The scan reads
// all other blocks where they lie, each once. A block that is read again is copied first,
// and the scan is repeated on the copy: it must find what it found before. So, whatever becomes of
// the memory, all that is computed is of one row that does not change, made up of the copies and of
// what the other blocks were to the scan. Whoever reads rows need not know that there are such.
#ifndef BOLTZMANN_CORE_SNAPSHOT_H_
#define BOLTZMANN_CORE_SNAPSHOT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "core/kernels.h"
#include "core/logits.h"

namespace boltzmann::core {

// Thrown by what reads a row that may change, on the thread that the row belongs to, after its
// first scan: the row is given up. Caught where its answer begins: by SampleRow, VerifySequence
// and FitTemperature.
struct LogitsChanged {};

// Memory that a worker reuses from row to row: as many bytes as the largest such row has, and one
// a block. For one row at a time.
class Snapshot {
 public:
  // The row, read through this snapshot if it may change. Forgets the row before. Allocates
  // nothing once it has grown.
  LogitRow Of(const LogitRow& row);

  // Where the logits [first, first + count) are to be read. Nobody changes them there, but during
  // the first scan, which is to read them once and may do so on several threads.
  const std::byte* Read(int32_t first, int32_t count);

  // Before a row is scanned: what is to be scanned in its place, to the same end. After the first
  // scan this copies the whole row, so that several threads may read it.
  LogitRow BeginScan(const LogitRow& row);
  // And after that, with what was found. A block's summary may be overwritten once it has been
  // read again.
  void EndScan(const Kernels& kernels, const LogitRow& row, const ScanOptions& options,
               absl::Span<const Block> blocks);

 private:
  // What a block is scanned with again, and what must come of it.
  struct FirstScan {
    const Kernels& kernels;
    LogitRow row;  // with the overlay that it had
    ScanOptions options;
    absl::Span<const Block> blocks;
  };

  void Copy(int block);
  bool IsAsScanned(int block) const;

  const std::byte* received_ = nullptr;
  int32_t vocab_size_ = 0;
  size_t logit_size_ = 0;
  std::vector<std::byte> copy_;     // each byte where the row has it, if its block was copied
  std::vector<uint8_t> is_copied_;  // of each block
  bool any_copied_ = false;
  bool scanning_ = false;  // for the first time
  std::optional<FirstScan> scan_ = {};
};

}  // namespace boltzmann::core

#endif  // BOLTZMANN_CORE_SNAPSHOT_H_
