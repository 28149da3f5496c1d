// The flag by which commands leave logits where the server reads them, in place of sending them.
#ifndef BOLTZMANN_CLIENT_SHARED_MEMORY_FLAGS_H_
#define BOLTZMANN_CLIENT_SHARED_MEMORY_FLAGS_H_

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "boltzmann/v1/sampler.pb.h"
#include "client/client.h"
#include "client/shared_region.h"
#include "client/shared_ring.h"

namespace boltzmann::client {

// --shared_memory_dir.
std::vector<std::string_view> SharedMemoryFlags();

// Moves a request's logits into a region, which must live until the call has ended; null, and the
// request as it was, if the flag is not given. Misuse if the logits are sparse; else an error of
// SharedRegion::Create(), as CallError() says it.
absl::StatusOr<std::unique_ptr<SharedRegion>> ShareFromFlags(const Client& client,
                                                             v1::Logits& logits);

// A ring of one slot of `slot_bytes`; null if the flag is not given. Errors as above.
absl::StatusOr<std::unique_ptr<SharedRing>> RingFromFlags(const Client& client, size_t slot_bytes);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_SHARED_MEMORY_FLAGS_H_
