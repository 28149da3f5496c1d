// Bytes that are sent from where they lie.
#ifndef BOLTZMANN_CLIENT_PAYLOAD_H_
#define BOLTZMANN_CLIENT_PAYLOAD_H_

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace boltzmann::client {

// The logits of one call, which gRPC sends without a copy.
//
// gRPC may hold the bytes for longer than the call takes, after a deadline or a cancellation say.
// So they come with what keeps them alive: `owner` is released once gRPC has let go of them, on
// whatever thread that happens, and as soon as a call is refused before it is sent. Until then they
// must not change: a buffer is free again once its owner is released.
struct Payload {
  const void* data = nullptr;
  size_t size = 0;
  std::shared_ptr<const void> owner;
};

// A payload that takes `values` over. Copies nothing.
template <typename T>
Payload PayloadOf(std::vector<T>&& values) {
  auto owner = std::make_shared<const std::vector<T>>(std::move(values));
  return {owner->data(), owner->size() * sizeof(T), owner};
}

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_PAYLOAD_H_
