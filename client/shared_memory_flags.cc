#include "client/shared_memory_flags.h"

#include <cstring>
#include <string>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "client/command.h"

ABSL_FLAG(std::string, shared_memory_dir, "",
          "Leave whole rows in shared memory in place of sending them: the directory that the "
          "server was started with, on this host. Not with --sparse_count. Unset sends them.");

namespace boltzmann::client {
namespace {

absl::Status RegionError(const absl::Status& status) {
  return absl::Status(
      status.code(),
      absl::StrCat("no memory could be shared in ", absl::GetFlag(FLAGS_shared_memory_dir), ": ",
                   absl::StatusCodeToString(status.code()), ": ", status.message()));
}

}  // namespace

std::vector<std::string_view> SharedMemoryFlags() { return {"shared_memory_dir"}; }

absl::StatusOr<std::unique_ptr<SharedRegion>> ShareFromFlags(const Client& client,
                                                             v1::Logits& logits) {
  const std::string directory = absl::GetFlag(FLAGS_shared_memory_dir);
  if (directory.empty()) return nullptr;
  if (!logits.has_inline_data()) {
    return Misuse("--shared_memory_dir takes whole rows: leave --sparse_count out");
  }
  const std::string& bytes = logits.inline_data();
  auto region = SharedRegion::Create(client, {.directory = directory, .size_bytes = bytes.size()});
  if (!region.ok()) return RegionError(region.status());
  std::memcpy((*region)->bytes().data(), bytes.data(), bytes.size());
  *logits.mutable_shared_rows() = (*region)->At(0);
  return region;
}

absl::StatusOr<std::unique_ptr<SharedRing>> RingFromFlags(const Client& client, size_t slot_bytes) {
  const std::string directory = absl::GetFlag(FLAGS_shared_memory_dir);
  if (directory.empty()) return nullptr;
  auto ring = SharedRing::Create(
      client, {.directory = directory, .slot_count = 1, .slot_bytes = slot_bytes});
  if (!ring.ok()) return RegionError(ring.status());
  return ring;
}

}  // namespace boltzmann::client
